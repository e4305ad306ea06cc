"""Detect, move the threshold without a second run, isolate a class, look inside, download."""

import json
from pathlib import Path

import skimage.data

SLUG = "object-detection"
ROWS = f"#{SLUG}-boxes tbody tr"


def detect(page):
    page.wait_for_selector(f"#{SLUG}-picture img")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-only >> text=everything")


def test_one_click_finds_many_things_and_the_slider_runs_nothing(open_task):
    page = open_task(SLUG)
    detect(page)
    page.wait_for_selector(f"#{SLUG}-only >> text=everything · 6")
    before = page.inner_text(f"#{SLUG}-status")
    picture = page.get_attribute(f"#{SLUG}-result img", "src")
    page.focus(f"#{SLUG}-threshold input[type=range]")
    page.keyboard.press("End")
    page.wait_for_selector(f"#{SLUG}-only >> text=everything · 0")
    page.keyboard.press("Home")
    page.wait_for_function(
        f"parseInt(document.querySelector('#{SLUG}-only').innerText.match(/everything · (\\d+)/)[1]) > 6"
    )
    page.wait_for_function(f"document.querySelector('#{SLUG}-result img').src != '{picture}'")
    assert page.inner_text(f"#{SLUG}-status") == before  # a run would have written its own time there


def test_a_class_alone_and_the_download(open_task):
    page = open_task(SLUG, width=390, dark=True)
    detect(page)
    picture = page.get_attribute(f"#{SLUG}-result img", "src")
    page.click(f"#{SLUG}-only >> text=cat · 1")
    page.wait_for_function(f"document.querySelector('#{SLUG}-result img').src != '{picture}'")
    with page.expect_download() as download:
        page.click(f"#{SLUG}-download")
    content = json.loads(download.value.path().read_text())
    assert {category["name"] for category in content["categories"]} >= {"cat", "cup", "person"}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_look_inside_shows_what_suppression_removes(open_task):
    page = open_task(SLUG)
    detect(page)
    page.click(f"#{SLUG}-inside button")
    page.wait_for_selector(f"#{SLUG}-maps img")
    page.wait_for_selector(f"#{SLUG}-hint >> text=leaves 6")
    page.focus(f"#{SLUG}-iou input[type=range]")
    page.keyboard.press("End")
    page.wait_for_function(f"!document.querySelector('#{SLUG}-hint').innerText.includes('leaves 6')")


def test_an_upload_and_another_picture_forgets_the_boxes(open_task):
    page = open_task(SLUG)
    detect(page)
    page.click(f'#{SLUG}-picture button[aria-label="Remove Image"]')
    page.set_input_files(
        f"#{SLUG}-picture input[type=file]", Path(skimage.data.__file__).parent / "motorcycle_left.png"
    )
    page.wait_for_selector(f"#{SLUG}-picture img")
    page.wait_for_selector(f"#{SLUG}-result img", state="detached")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-only >> text=motorcycle · 1")


def test_a_detector_of_the_hub_asks_for_labels_and_says_what_it_needs(open_task):
    page = open_task(SLUG)
    page.click(f"#{SLUG}-model input")
    page.click("ul[role=listbox] >> text=Grounding DINO-T")
    page.wait_for_selector(f"#{SLUG}-labels", state="visible")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(".toast-body >> text=the gallery runs offline")


def test_the_camera_sees_a_person(open_task):
    page = open_task(SLUG)
    picture = f"#{SLUG}-picture"
    page.click(f"{picture} button[aria-label='Remove Image']")
    page.click(f"{picture} button[aria-label='Capture from camera']")
    page.click(f"{picture} >> text=Click to Access Webcam")
    page.wait_for_function(f"document.querySelector('{picture} video')?.videoWidth > 0")
    page.click(f"{picture} button[aria-label='capture photo']")
    detect(page)
    page.wait_for_selector(f"#{SLUG}-only >> text=person · 1")
