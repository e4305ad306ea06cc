"""Move a slider, restore, stop, brush something away, scribble colours, damage and repair."""

import PIL.Image

from tests.browser.conftest import settle

SLUG = "image-processing"


def mode(page, name):
    tab = page.locator(f'button[role=tab]:has-text("{name}")')
    if not tab.is_visible():  # a narrow page keeps some in a menu
        page.click(f"#tab-{SLUG} .overflow-menu > button")
        tab = page.locator(f'#tab-{SLUG} .overflow-dropdown button:has-text("{name}")')
    tab.click()
    settle(page)


def tool(page, name):
    mode(page, "Restore")
    page.wait_for_selector(f"#{SLUG}-picture img")
    before = page.get_attribute(f"#{SLUG}-picture img", "src")
    page.click(f"#{SLUG}-tool >> text={name}")
    page.wait_for_function(f"document.querySelector('#{SLUG}-picture img')?.src != '{before}'")


def both_sides(page, part):
    """The two pictures of a before/after slider have arrived."""
    page.wait_for_function(f"document.querySelectorAll('#{SLUG}-{part} img').length >= 2", timeout=120_000)


def stroke(page, part, *points):
    """Draw through points given as shares of the pad, around its middle."""
    page.wait_for_selector(f"#{SLUG}-{part}-pad canvas").scroll_into_view_if_needed()
    box = page.locator(f"#{SLUG}-{part}-pad canvas").first.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def test_automatic_and_a_slider_redraw_the_picture(open_task, tmp_path):
    page = open_task(SLUG)
    page.wait_for_selector(f"#{SLUG}-adjust-picture img")
    page.click(f"#{SLUG}-adjust-auto")
    both_sides(page, "adjusted")
    page.wait_for_selector(f"#{SLUG}-adjust-download", state="visible")
    first = page.locator(f"#{SLUG}-adjusted img").last.get_attribute("src")
    page.fill(f"#{SLUG}-adjust-saturation input[type=number]", "0")
    page.press(f"#{SLUG}-adjust-saturation input[type=number]", "Enter")
    page.wait_for_function(f"[...document.querySelectorAll('#{SLUG}-adjusted img')].every(i => i.src != '{first}')")
    with page.expect_download() as download:
        page.click(f"#{SLUG}-adjust-download")
    assert PIL.Image.open(download.value.path()).size == (451, 300)
    page.click(f"#{SLUG}-adjust-inside button")
    page.wait_for_selector(f"#{SLUG}-adjust-histogram .js-plotly-plot")


def test_a_small_picture_is_enlarged_compared_and_looked_at_closely(open_task, tmp_path):
    page = open_task(SLUG, width=390, dark=True)
    tool(page, "Upscale")
    page.click(f"#{SLUG}-scale >> text=× 2")
    page.click(f"#{SLUG}-run")
    both_sides(page, "result")
    page.wait_for_selector(f"#{SLUG}-status >> text=150 × 100 pixels")
    page.wait_for_selector(f"#{SLUG}-restore-download", state="visible")
    before = page.locator(f"#{SLUG}-result img").first.get_attribute("src")
    page.click(f"#{SLUG}-left >> text=bicubic")
    page.wait_for_function(f"[...document.querySelectorAll('#{SLUG}-result img')].every(i => i.src != '{before}')")
    with page.expect_download() as download:
        page.click(f"#{SLUG}-restore-download")
    assert PIL.Image.open(download.value.path()).size == (300, 200)
    page.click(f"#{SLUG}-inside button")
    page.wait_for_selector(f"#{SLUG}-heat img")
    page.wait_for_selector(f"#{SLUG}-lens-3 img")
    seen = page.get_attribute(f"#{SLUG}-lens-3 img", "src")
    page.click(f"#{SLUG}-lens-on img", position={"x": 100, "y": 100})
    page.wait_for_function(f"document.querySelector('#{SLUG}-lens-3 img').src != '{seen}'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_part_first_and_the_whole_until_it_is_stopped(open_task):
    page = open_task(SLUG)
    tool(page, "Upscale")
    page.click(f"#{SLUG}-examples button >> nth=-1")  # the collage, 960 x 800
    page.wait_for_selector(f'#{SLUG}-picture img[src*="collage"]')
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-status >> text=192 × 192 pixels", timeout=120_000)
    page.wait_for_selector(f"#{SLUG}-full >> text=960 × 800 pixels: about")
    page.click(f"#{SLUG}-full")
    page.wait_for_selector(f"#{SLUG}-status >> text=tiles, about", timeout=120_000)
    page.click(f"#{SLUG}-stop")
    page.wait_for_selector(f"#{SLUG}-status >> text=/Stopped after \\d+ of/")
    assert page.is_visible(f"#{SLUG}-full") and not page.is_visible(f"#{SLUG}-restore-download")


def test_what_is_marked_vanishes(open_task):
    page = open_task(SLUG)
    mode(page, "Remove")
    page.wait_for_selector(f"#{SLUG}-remove-pad canvas")
    page.click(f"#{SLUG}-remove-run")
    page.wait_for_selector(f"#{SLUG}-remove-status >> text=of the picture filled", timeout=120_000)
    both_sides(page, "removed")
    share = float(page.inner_text(f"#{SLUG}-remove-status").split(" · ")[-1].split("%")[0])
    assert 4 < share < 8, "the rocket that the example marks"
    stroke(page, "remove", (0.42, 0.4), (0.6, 0.4))
    page.click(f"#{SLUG}-remove-run")
    page.wait_for_function(
        f"parseFloat(document.querySelector('#{SLUG}-remove-status').innerText.split(' · ').at(-1)) > {share + 0.3}",
        timeout=120_000,
    )


def test_nothing_marked_gets_a_sentence(open_task, tmp_path):
    page = open_task(SLUG, width=390)
    mode(page, "Remove")
    page.wait_for_selector(f"#{SLUG}-remove-pad canvas")
    page.click(f'#{SLUG}-remove-pad button[aria-label="Clear canvas"]')
    page.click(f"#{SLUG}-remove-run")
    page.wait_for_selector(".toast-body >> text=/Nothing is marked|no picture yet/")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_scribbles_colour_the_picture(open_task):
    page = open_task(SLUG)
    mode(page, "Colour")
    page.wait_for_selector(f"#{SLUG}-colour-pad canvas")
    page.click(f"#{SLUG}-colour-run")
    page.wait_for_selector(f"#{SLUG}-colour-status >> text=scribbles", timeout=60_000)
    both_sides(page, "coloured")


def test_damage_is_repaired_twice_and_scored(open_task):
    page = open_task(SLUG)
    mode(page, "Damage and repair")
    page.wait_for_selector(f"#{SLUG}-experiment-picture img")
    page.click(f"#{SLUG}-experiment-damage >> text=Small")
    page.wait_for_selector(f"#{SLUG}-experiment-1 img")
    page.click(f"#{SLUG}-experiment-run")
    page.wait_for_selector(f"#{SLUG}-experiment-3 img", timeout=120_000)
    page.wait_for_selector(f"#{SLUG}-experiment-scores >> text=bicubic")
