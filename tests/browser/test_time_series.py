"""Forecast the example, move the sensitivity, look inside, train a network, bring a table, paste and draw."""

import re

import pandas as pd
import pytest

from tests.browser.conftest import unfold

SLUG = "time-series"


def odd_points(page) -> int:
    """How many odd points the words under the chart count."""
    return int(re.search(r"(\d+|No) odd point", page.inner_text(f"#{SLUG}-words"))[1].replace("No", "0"))


def run(page):
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-chart .js-plotly-plot", timeout=90_000)  # the first run loads torch
    page.wait_for_selector(f"#{SLUG}-words >> text=/odd point/")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_one_click_forecasts_the_example(open_task, width, dark):
    page = open_task(SLUG, width=width, dark=dark)
    run(page)
    words, status = page.inner_text(f"#{SLUG}-words"), page.inner_text(f"#{SLUG}-status")
    assert "December 1962" in words and "8 times in 10" in words
    assert "Backtested blend" in status and "ran in" in status and "season of 12 steps" in status
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_forecast_can_be_downloaded(open_task):
    page = open_task(SLUG)
    run(page)
    with page.expect_download() as download:
        page.click(f"#{SLUG}-download")
    table = pd.read_csv(download.value.path())
    assert len(table) == 24 and {"ds", "y_hat", "lo-80", "hi-80"} <= set(table.columns)


def test_an_example_its_odd_points_and_the_sensitivity(open_task):
    page = open_task(SLUG)
    run(page)
    page.click(f"#{SLUG}-examples >> text=sensor-faults.csv")
    page.wait_for_selector(f"#{SLUG}-read >> text=celsius")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-words:not(:has-text('1962')) >> text=/odd point/")  # no longer the airline
    before = odd_points(page)
    page.fill(f"#{SLUG}-sensitivity input[type=number]", "0")
    page.press(f"#{SLUG}-sensitivity input[type=number]", "Tab")
    page.wait_for_function(f"!document.querySelector('#{SLUG}-words').innerText.includes(' {before} odd')")
    assert 0 < odd_points(page) < before


def test_the_look_inside_compares_methods(open_task):
    page = open_task(SLUG)
    run(page)
    page.click(f"#{SLUG}-inside button")
    page.wait_for_selector(f"#{SLUG}-how >> text=did best")
    page.wait_for_selector(f"#{SLUG}-backtest >> text=Seasonal naive")
    page.wait_for_selector(f"#{SLUG}-parts .js-plotly-plot")


def test_a_network_learns_while_one_watches(open_task):
    page = open_task(SLUG)
    page.click(f"#{SLUG}-training button")
    page.click(f"#{SLUG}-train")
    page.wait_for_selector(f"#{SLUG}-training-words >> text=of seasonal naive")
    page.wait_for_selector(f"#{SLUG}-trained .js-plotly-plot")
    page.wait_for_selector(f"#{SLUG}-importance .js-plotly-plot")


def test_an_upload_with_another_value_column(open_task, tmp_path):
    page = open_task(SLUG)
    path = tmp_path / "shops.csv"
    rows = [f"2024-{month:02d}-01;{month * month},5;{month}" for month in range(1, 13)]
    path.write_text("\n".join(["date;sold;staff", *rows]))
    page.click(f'#{SLUG}-file button[aria-label="Clear"]')
    page.set_input_files(f"#{SLUG}-file input[type=file]", path)
    page.wait_for_selector(f"#{SLUG}-read >> text=value “sold”")
    unfold(page, f"#{SLUG}-options button")
    page.click(f"#{SLUG}-value input")
    page.click("ul[role=listbox] >> text=staff")
    page.wait_for_selector(f"#{SLUG}-read >> text=value “staff”")
    run(page)
    assert "Shortened to 6 steps" in page.inner_text(f"#{SLUG}-status")


def test_pasted_numbers(open_task):
    page = open_task(SLUG)
    unfold(page, f"#{SLUG}-other-input button")
    page.fill(f"#{SLUG}-text textarea", ", ".join(str(i % 5) for i in range(50)))
    page.click(f"#{SLUG}-use-text")
    page.wait_for_selector(f"#{SLUG}-read >> text=50 values")
    run(page)
    assert "season of 5 steps" in page.inner_text(f"#{SLUG}-status")


def test_a_file_that_is_no_table_gets_a_sentence(open_task, tmp_path):
    page = open_task(SLUG)
    (tmp_path / "song.csv").write_bytes(bytes(range(256)) * 10)
    page.click(f'#{SLUG}-file button[aria-label="Clear"]')
    page.set_input_files(f"#{SLUG}-file input[type=file]", tmp_path / "song.csv")
    page.wait_for_selector(".toast-body >> text=not a table")


def test_a_drawn_curve_is_continued(open_task):
    page = open_task(SLUG)
    unfold(page, f"#{SLUG}-other-input button")
    page.wait_for_selector(f"#{SLUG}-drawing canvas")
    page.click(f"#{SLUG}-use-drawing")
    page.wait_for_selector(".toast-body >> text=no curve yet")  # by now the canvas takes strokes
    area = page.locator(f"#{SLUG}-drawing canvas").last.bounding_box()
    at = [
        (area["x"] + area["width"] * x, area["y"] + area["height"] * y)
        for x, y in ((0.15, 0.6), (0.5, 0.4), (0.85, 0.5))
    ]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=2)
    page.mouse.move(*at[2], steps=2)
    page.mouse.up()
    page.click(f"#{SLUG}-use-drawing")
    page.wait_for_selector(f"#{SLUG}-read >> text=200 values")
