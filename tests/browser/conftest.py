"""A real Chromium on the real gallery, started as a visitor would, with no way out to the network."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tasks.settings import EXAMPLES, ROOT, settings

# The fake camera shows this picture.
FACE = EXAMPLES / "astronaut.jpg"
# The fake microphone plays this recording over and over.
VOICE = ROOT / "tests/data/microphone.wav"
# The first has no window to draw, which halves the time of a test.
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str:
    """The path of an installed Chromium or Chrome."""
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        raise FileNotFoundError("The browser tests need Chromium or Chrome: apt-get install chromium-headless-shell")
    return path


@contextlib.contextmanager
def running_process(folder: Path, *flags: str, patience: float = 20, **environment: str) -> Iterator[tuple]:
    """(process, log, address) of a gallery started by `python app.py`. patience: seconds it may take to end."""
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-u", "app.py", "--no-browser", "--threads", str(settings.threads), *flags],
            cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
            env=os.environ | {"GRADIO_TEMP_DIR": str(folder / "files")} | environment,
        )  # fmt: skip
    try:
        yield process, log, wait_for_address(process, log)
    finally:
        process.terminate()
        process.wait(patience)


@contextlib.contextmanager
def running_gallery(folder: Path, **environment: str) -> Iterator[str]:
    """The address of a gallery started with these environment variables."""
    with running_process(folder, **environment) as (_, _, url):
        yield url


@pytest.fixture(scope="package")
def gallery_url(tmp_path_factory) -> Iterator[str]:
    with running_gallery(tmp_path_factory.mktemp("gallery")) as url:
        yield url


def wait_for_address(process: subprocess.Popen, log: Path) -> str:
    while process.poll() is None:
        if match := re.search(r"Running on local URL:\s+(\S+)", log.read_text()):
            return match[1]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    raise RuntimeError(f"The gallery did not start:\n{log.read_text()}")


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright, tmp_path_factory) -> Iterator[Browser]:
    film = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    film.write_bytes(FACE.read_bytes() * 30)
    arguments = [
        "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={VOICE}", f"--use-file-for-fake-video-capture={film}",
    ]  # fmt: skip
    with playwright.chromium.launch(executable_path=find_chromium(), args=arguments) as browser:
        yield browser


def visit(page: Page, url: str, slug: str | None) -> None:
    """Open a task's tab by its address, or the home page."""
    page.goto(f"{url}?task={slug}" if slug else url)
    page.wait_for_selector(f"#{slug}-lesson" if slug else ".card", state="visible")
    settle(page)


def unfold(page: Page, button: str) -> None:
    """Click what opens an accordion or an inner tab, in which the test then types."""
    page.click(button)
    settle(page)


def settle(page: Page) -> None:
    """Wait until what has just been opened keeps what is typed.

    When a tab or an accordion is opened for the first time, Gradio sets all in it to its first value once more, in the
    frame after it is shown. On busy cores that may be a later one: by then the page has nothing left to do.
    """
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => requestIdleCallback(done))))"
    )


@pytest.fixture
def open_task(browser, gallery_url) -> Iterator:
    """open_task(slug, width=1280, dark=False): the task's tab, opened by its address. A slug of None is the home page.

    Afterwards the test fails if the page asked anything of another machine or reported an error of its own.
    """
    outside: list[str] = []
    errors: list[str] = []
    pages: list[Page] = []

    def watch(request):
        if not request.url.startswith((gallery_url, "data:", "blob:")):
            outside.append(request.url)

    def open_task(slug: str | None, width: int = 1280, dark: bool = False, **options) -> Page:
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light",
            permissions=["microphone", "camera"], **options,
        )  # fmt: skip
        page.set_default_timeout(60_000)
        page.on("request", watch)
        page.on("pageerror", lambda error: errors.append(str(error)))
        pages.append(page)
        visit(page, gallery_url, slug)
        return page

    yield open_task
    for page in pages:
        page.close()
    assert not outside, f"asked of other machines: {outside}"
    assert not errors, f"errors on the page: {errors}"
