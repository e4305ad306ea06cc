"""axe-core on every room, in light and dark, and a walk through the gallery without a mouse."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tasks import TASKS

# Findings in Gradio's own markup, which no style sheet and no argument of ours reaches: rule -> part of the element.
GRADIOS_OWN = {
    "aria-prohibited-attr": ('aria-label="Empty value"',),  # a div without a role, where no picture or label is yet
}
IS_DARK = "document.body.classList.contains('dark')"


def findings(page: Page) -> list[str]:
    """ "rule: element" for everything serious or critical that is not Gradio's own."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))} {node['html'][:160]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
        if not any(part in node["html"] for part in GRADIOS_OWN.get(rule["id"], ()))
    ]


@pytest.mark.parametrize("slug", [None, *(task.slug for task in TASKS)], ids=str)
def test_nothing_serious_is_found_in_light_and_dark(open_task, slug):
    page = open_task(slug, reduced_motion="reduce")
    if slug:
        page.click(f"#{slug}-lesson button")
        page.wait_for_selector(f"#{slug}-lesson h3", state="visible")
    assert not page.evaluate(IS_DARK)
    found = findings(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(IS_DARK)
    found += findings(page)
    assert not found, "\n".join(found)


WALK = {  # a room of each group, and what is there once it has run
    "image-classification": "#image-classification-status >> text=ran in",
    "translation": "#translation-status >> text=ran in",
    "time-series": "#time-series-status >> text=ran in",
    "image-generation": "#image-generation-status >> text=ran in",
}


@pytest.mark.parametrize("slug", WALK)
def test_a_room_is_opened_run_and_read_by_keys_alone(open_task, slug):
    page = open_task(None)
    press_until(page, f"document.activeElement.dataset.task === '{slug}'")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#{slug}-lesson", state="visible")
    press_until(page, f"document.activeElement.closest('#tab-{slug} button.primary')")
    page.keyboard.press("Enter")
    page.wait_for_selector(WALK[slug])
    press_until(page, f"document.activeElement.closest('#{slug}-inside')")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#{slug}-inside > :not(button)", state="visible")


def press_until(page: Page, reached: str) -> None:
    """Press Tab until the focus is where the JavaScript says."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate(reached):
            return
    raise AssertionError(f"150 times Tab did not lead to: {reached}")
