"""Watch a picture come, scrub back through its steps, download it, and drop it back in."""

import json

import PIL.Image

from tests.browser.conftest import unfold

SLUG = "image-generation"


def generate(page):
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-download", state="visible", timeout=90_000)


def fill(page, part, value):
    page.fill(f"#{SLUG}-{part} input[type=number], #{SLUG}-{part} textarea", str(value))


def test_a_picture_comes_and_its_steps_stay(open_task):
    page = open_task(SLUG)
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-status >> text=/step [1-9]/")  # live, before the end
    page.wait_for_selector(f"#{SLUG}-download", state="visible", timeout=90_000)
    assert "Emoji art" in page.inner_text(f"#{SLUG}-status")
    page.wait_for_selector(f"#{SLUG}-strip img")
    before = page.get_attribute(f"#{SLUG}-predicted img", "src")
    page.fill(f"#{SLUG}-scrubber input[type=number]", "3")
    page.press(f"#{SLUG}-scrubber input[type=number]", "Enter")
    page.wait_for_function(f"document.querySelector('#{SLUG}-predicted img').src != '{before}'")


def test_a_download_brings_its_settings_back(open_task, tmp_path):
    page = open_task(SLUG)
    unfold(page, f"#{SLUG}-options button")
    fill(page, "prompt", "a green pear")
    fill(page, "seed", 77)
    fill(page, "steps", 4)
    generate(page)
    with page.expect_download() as download:
        page.click(f"#{SLUG}-download")
    path = tmp_path / "pear.png"
    download.value.save_as(path)
    receipt = json.loads(PIL.Image.open(path).text["neural-gallery"])
    assert (receipt["prompt"], receipt["seed"], receipt["steps"]) == ("a green pear", 77, 4)
    page = open_task(SLUG)
    unfold(page, f"#{SLUG}-options button")
    page.set_input_files(f"#{SLUG}-receipt input[type=file]", path)
    page.wait_for_selector(f"#{SLUG}-status >> text=settings are back")
    assert page.input_value(f"#{SLUG}-prompt textarea") == "a green pear"
    assert page.input_value(f"#{SLUG}-seed input") == "77"
    assert page.input_value(f"#{SLUG}-steps input[type=number]") == "4"


def test_stop_stops_and_the_next_run_is_whole(open_task):
    page = open_task(SLUG)
    unfold(page, f"#{SLUG}-options button")
    fill(page, "steps", 50)
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-status >> text=/step [1-9]/")
    page.click(f"#{SLUG}-stop")
    page.click(f"#{SLUG}-inside button")
    page.wait_for_selector(f"#{SLUG}-hint >> text=Stopped before")
    assert not page.is_visible(f"#{SLUG}-download")
    fill(page, "steps", 4)
    fill(page, "prompt", "a brown dog")
    generate(page)
    status = page.inner_text(f"#{SLUG}-status")
    assert "Emoji art" in status and "nearly a copy" in status


def test_a_chip_becomes_the_prompt(open_task):
    page = open_task(SLUG)
    chip = page.locator(f"#{SLUG}-chips button").first
    words = chip.inner_text().strip()
    chip.click()
    page.wait_for_function(f"document.querySelector('#{SLUG}-prompt textarea').value == {json.dumps(words)}")
