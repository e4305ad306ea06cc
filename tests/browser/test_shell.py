"""The house itself: home, tabs, addresses, phones, the dark."""

import pytest
from playwright.sync_api import expect

from tasks import TASKS


def test_every_card_opens_its_task_and_the_address_follows(open_task):
    page = open_task(None)
    assert page.locator(".card").count() == len(TASKS)
    for task in TASKS:
        page.click(f'.card[data-task="{task.slug}"]')
        page.wait_for_selector(f"#{task.slug}-lesson", state="visible")
        page.wait_for_url(f"**/?task={task.slug}")
        page.click("#tab-home-button")
        page.wait_for_selector(".card", state="visible")
        page.wait_for_url(lambda url: "task=" not in url)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.slug)
def test_every_task_opens_by_its_address_and_fits_a_phone(open_task, task):
    page = open_task(task.slug, width=390)
    page.wait_for_function("document.documentElement.scrollWidth <= 390")  # tabs that do not fit move into a menu
    page.click(f"#{task.slug}-lesson button")
    for heading in ("What is it?", "Underlying neural network technology", "Limits and honesty"):
        page.wait_for_selector(f"#{task.slug}-lesson h3 >> text={heading}")


def test_an_unknown_task_shows_the_home_page(open_task):
    page = open_task(None)
    page.goto(page.url + "?task=no-such-task")
    page.wait_for_selector(".card", state="visible")


def test_dark_is_dark(open_task):
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(open_task(None, dark=True).evaluate(brightness)) < 60
    assert min(open_task(None).evaluate(brightness)) > 230


def test_cards_answer_to_the_keyboard(open_task):
    page = open_task(None)
    page.focus(f'.card[data-task="{TASKS[0].slug}"]')
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#{TASKS[0].slug}-lesson", state="visible")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_text_is_sent_to_another_room(open_task, width):
    page = open_task("speech-recognition", width=width)
    page.fill("#speech-recognition-text textarea", "Why is the sky blue?")
    page.click("#speech-recognition-answer")
    page.wait_for_selector("#text-generation-message textarea", state="visible")
    expect(page.locator("#text-generation-message textarea")).to_have_value("Why is the sky blue?")
    assert "task=text-generation" in page.url
    page.click("#text-generation-run")
    page.wait_for_selector("#text-generation-conversation >> text=Why is the sky blue?")
