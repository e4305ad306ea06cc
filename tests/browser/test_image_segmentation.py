"""Segment, click an object to isolate it, cut out the subject and change its background."""

import PIL.Image

SLUG = "image-segmentation"
PICTURE = f"#{SLUG}-result img"


def run(page):
    page.wait_for_selector(f"#{SLUG}-picture img")
    page.click(f"#{SLUG}-run")


def click_at(page, x, y):
    """Click a point of the result, given as shares of the picture (which lies letterboxed in its frame)."""
    page.locator(PICTURE).scroll_into_view_if_needed()
    box = page.locator(PICTURE).bounding_box()
    width, height = page.eval_on_selector(PICTURE, "image => [image.naturalWidth, image.naturalHeight]")
    scale = min(box["width"] / width, box["height"] / height)
    left, top = (box["width"] - width * scale) / 2, (box["height"] - height * scale) / 2
    page.mouse.click(box["x"] + left + x * width * scale, box["y"] + top + y * height * scale)


def chosen(page, text):
    page.wait_for_selector(f"#{SLUG}-only label.selected >> text={text}")


def test_a_click_isolates_an_object_and_another_one_brings_all_back(open_task):
    page = open_task(SLUG)
    run(page)
    page.wait_for_selector(f"#{SLUG}-only >> text=cat 1")
    page.wait_for_selector(f"#{SLUG}-note >> text=no class for sky")
    chosen(page, "everything")
    click_at(page, 0.3, 0.75)
    chosen(page, "cat 1")
    click_at(page, 0.3, 0.75)
    chosen(page, "everything")


def test_semantic_joins_people_without_a_run(open_task):
    page = open_task(SLUG, width=390, dark=True)
    run(page)
    page.wait_for_selector(f"#{SLUG}-only >> text=person 2")
    status = page.inner_text(f"#{SLUG}-status")
    page.click(f"#{SLUG}-mode >> text=Semantic")
    page.wait_for_selector(f"#{SLUG}-only >> text=person ·")
    assert page.inner_text(f"#{SLUG}-status") == status
    page.click(f"#{SLUG}-inside button")
    page.wait_for_selector(f"#{SLUG}-probability img")
    page.wait_for_selector(f"#{SLUG}-doubt img")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_cut_out_has_a_transparent_background_of_the_pictures_size(open_task, tmp_path):
    page = open_task(SLUG)
    page.click(f"#{SLUG}-mode >> text=Cut out")
    run(page)
    page.wait_for_selector(f"#{SLUG}-download", state="visible")
    with page.expect_download() as download:
        page.click(f"#{SLUG}-download")
    picture = PIL.Image.open(download.value.path())
    assert picture.mode == "RGBA" and picture.size == (960, 800)
    assert picture.getpixel((780, 600))[3] > 250 and picture.getpixel((930, 430))[3] < 5
    before = page.get_attribute(PICTURE, "src")
    page.click(f"#{SLUG}-background >> text=blur")
    page.wait_for_function(f"document.querySelector('{PICTURE}').src != '{before}'")


def test_a_picture_without_subject_says_so(open_task, tmp_path):
    page = open_task(SLUG)
    PIL.Image.new("RGB", (300, 200), (120, 130, 140)).save(tmp_path / "plain.png")
    page.click(f'#{SLUG}-picture button[aria-label="Remove Image"]')
    page.set_input_files(f"#{SLUG}-picture input[type=file]", tmp_path / "plain.png")
    page.click(f"#{SLUG}-mode >> text=Cut out")
    run(page)
    page.wait_for_selector(".toast-body >> text=no clear subject")
