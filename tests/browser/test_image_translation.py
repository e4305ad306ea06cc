"""Draw and have it painted; change the style of a photograph; read what the network read."""

from tests.browser.conftest import unfold

SLUG = "image-translation"


def mode(page, name):
    unfold(page, f'button[role=tab]:has-text("{name}")')


def test_the_example_drawing_is_painted(open_task):
    page = open_task(SLUG)
    page.wait_for_selector(f"#{SLUG}-pad canvas")
    page.click(f"#{SLUG}-paint")
    page.wait_for_selector(f"#{SLUG}-paint-status >> text=ran in", timeout=60_000)
    page.click(f"#{SLUG}-paint-inside button")
    page.wait_for_selector(f"#{SLUG}-stages img")
    assert page.locator(f"#{SLUG}-stages .grid-container img").count() == 4


def test_a_drawing_of_ones_own_is_painted_and_a_blank_page_gets_a_sentence(open_task):
    page = open_task(SLUG)
    canvas = page.wait_for_selector(f"#{SLUG}-pad canvas")
    # The white page has to reach the canvas.
    with page.expect_response(lambda response: "/file=" in response.url and "sketch-" not in response.url):
        page.click(f"#{SLUG}-blank")
    page.click(f"#{SLUG}-paint")
    page.wait_for_selector(".toast-body >> text=no lines", timeout=60_000)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    page.mouse.move(x + 60, y - 60)
    page.mouse.move(x + 60, y + 60)
    page.mouse.move(x - 60, y + 60)
    page.mouse.up()
    page.click(f"#{SLUG}-paint")
    page.wait_for_selector(f"#{SLUG}-paint-status >> text=ran in", timeout=60_000)


def test_a_photograph_takes_on_a_style(open_task):
    page = open_task(SLUG, width=390)
    mode(page, "Style transfer")
    page.wait_for_selector(f"#{SLUG}-style-picture img")
    page.click(f"#{SLUG}-stylize")
    page.wait_for_selector(f"#{SLUG}-stylized img")
    page.click(f"#{SLUG}-style-inside button")
    page.click(f"#{SLUG}-look")
    page.wait_for_selector(f"#{SLUG}-bars img")
    page.wait_for_selector(f"#{SLUG}-statistics >> text=photograph", state="attached")


def test_any_picture_is_a_style(open_task):
    page = open_task(SLUG)
    mode(page, "Style transfer")
    page.click(f"#{SLUG}-style-model input")
    page.click("ul[role=listbox] >> text=Any style")
    page.wait_for_selector(f"#{SLUG}-own img")
    page.click(f"#{SLUG}-stylize")
    page.wait_for_selector(f"#{SLUG}-style-status >> text=Any style")


def test_a_photograph_becomes_a_pencil_drawing(open_task):
    page = open_task(SLUG)
    mode(page, "Cartoon")
    page.click(f"#{SLUG}-kind >> text=Pencil")
    page.click(f"#{SLUG}-draw")
    page.wait_for_selector(f"#{SLUG}-drawing img")


def test_editing_says_that_it_needs_a_download(open_task):
    page = open_task(SLUG)
    mode(page, "Edit by words")
    page.click(f"#{SLUG}-edit")
    page.wait_for_selector(".toast-body >> text=the gallery runs offline")
