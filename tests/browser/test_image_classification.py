"""Upload a picture, read its label, look inside, and be told what is wrong with a bad one."""

import json

import PIL.Image
import skimage.data

from tests.browser.conftest import unfold

SLUG = "image-classification"


def upload(page, path):
    page.click(f'#{SLUG}-picture button[aria-label="Remove Image"]')
    page.set_input_files(f"#{SLUG}-picture input[type=file]", path)
    page.wait_for_selector(f"#{SLUG}-picture img")


def test_the_example_waits_and_one_click_answers(open_task):
    page = open_task(SLUG)
    page.wait_for_selector(f"#{SLUG}-picture img")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-result >> text=cat")
    status = page.inner_text(f"#{SLUG}-status")
    assert "EfficientNet-Lite2" in status and "loaded" in status and "ran in" in status


def test_upload_explain_and_download(open_task, tmp_path):
    page = open_task(SLUG)
    PIL.Image.fromarray(skimage.data.rocket()).save(tmp_path / "launch.png")
    upload(page, tmp_path / "launch.png")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-result >> text=missile")
    page.wait_for_selector(f"#{SLUG}-download", state="visible")
    with page.expect_download() as download:
        page.click(f"#{SLUG}-download")
    scores = json.loads(download.value.path().read_text())["scores"]
    assert any("missile" in label for label in scores)
    page.click(f"#{SLUG}-inside button")
    page.wait_for_selector(f"#{SLUG}-heat img")
    page.wait_for_selector(f"#{SLUG}-maps img")
    page.wait_for_selector(f"#{SLUG}-how >> text=Grad-CAM")


def test_two_networks_side_by_side(open_task):
    page = open_task(SLUG)
    unfold(page, f"#{SLUG}-options button")
    page.click(f"#{SLUG}-compare-with input")
    page.click("ul[role=listbox] >> text=EfficientNet-Lite0")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-result-other >> text=cat")


def test_a_hub_model_offline_says_what_it_needs(open_task):
    page = open_task(SLUG)
    page.click(f"#{SLUG}-model input")
    page.click("ul[role=listbox] >> text=ConvNeXt-Tiny")
    page.wait_for_selector(f"#{SLUG}-model-facts >> text=not available offline")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(".toast-body >> text=the gallery runs offline")


def test_a_file_that_is_no_picture_gets_a_sentence(open_task, tmp_path):
    page = open_task(SLUG)
    (tmp_path / "notes.png").write_bytes(b"these are notes")
    page.click(f'#{SLUG}-picture button[aria-label="Remove Image"]')
    page.set_input_files(f"#{SLUG}-picture input[type=file]", tmp_path / "notes.png")
    page.wait_for_selector(f'#{SLUG}-picture button[aria-label="Remove Image"]')
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(".toast-body >> text=not a picture")
