"""Makes the pictures of the README: `python -m tests.browser.screenshots [slug ...]`.

Opens every room in a real Chromium, presses its first button, waits for the status line, and takes a picture.
"""

import io
import sys
import tempfile
from pathlib import Path

import PIL.Image
from playwright.sync_api import Page, sync_playwright

from tasks import TASKS
from tasks.settings import ASSETS
from tests.browser.conftest import find_chromium, running_gallery, unfold, visit

FOLDER = ASSETS / "screenshots"
INNER_TABS = {"image-processing": "Restore"}  # where the first one says less about the room
SIZE = {"width": 1180, "height": 860}


def save(page: Page, name: str) -> None:
    picture = PIL.Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(FOLDER / f"{name}.jpg", quality=85, optimize=True)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    slugs = sys.argv[1:] or [task.slug for task in TASKS]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_gallery(Path(folder), HF_HUB_OFFLINE="1") as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(120_000)
        visit(page, url, None)
        save(page, "home")
        for slug in slugs:
            visit(page, url, slug)
            if slug in INNER_TABS:
                unfold(page, f'#tab-{slug} button[role=tab]:has-text("{INNER_TABS[slug]}")')
            page.locator(f"#tab-{slug} button.primary:visible").first.click()
            page.wait_for_selector(f"#tab-{slug} .status >> text=ran in")
            page.wait_for_timeout(1500)  # what follows the status line: charts, tables
            page.wait_for_function("!document.querySelector('.generating')")
            page.evaluate("scrollTo(0, 0)")
            save(page, slug)
        browser.close()


if __name__ == "__main__":
    main()
