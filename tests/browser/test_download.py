"""A model of the Hub: its size is shown, it is fetched with progress and Stop, and then it runs like any other."""

import pytest
from playwright.sync_api import expect

from tasks.image_classification import MOBILENET
from tests.browser.conftest import running_gallery, visit
from tests.fake_hub import FakeHub

SLUG = "image-classification"


@pytest.fixture
def hub(tmp_path):
    """A Hub that serves a MobileNetV4 of the real architecture, with untrained weights."""
    import timm

    timm.models.save_for_hf(timm.create_model("mobilenetv4_conv_small"), tmp_path, safe_serialization=True)
    files = {name: (tmp_path / name).read_bytes() for name in MOBILENET.source.files}
    with FakeHub(files, stall_after=12_000_000, repo=MOBILENET.source.repo) as hub:
        yield hub


def test_a_hub_model_is_fetched_stopped_and_fetched_again(browser, hub, tmp_path):
    environment = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "cache")}
    with running_gallery(tmp_path, **environment) as url:
        page = browser.new_page()
        visit(page, url, SLUG)
        page.click(f"#{SLUG}-model input")
        page.click(f"ul[role=listbox] >> text={MOBILENET.name}")
        page.wait_for_selector(f"#{SLUG}-model-facts >> text=needs a download of 15 MB")
        page.wait_for_selector(f"#{SLUG}-model-download >> text=Download 15 MB (about 1 min at 50 Mbit/s)")

        page.click(f"#{SLUG}-run")
        page.wait_for_selector(".toast-body >> text=press Download first")

        page.click(f"#{SLUG}-model-download")
        page.wait_for_selector(f"#{SLUG}-model-facts >> text=12 of 15 MB")
        page.click(f"#{SLUG}-model-stop")
        page.wait_for_selector(f"#{SLUG}-model-facts >> text=needs a download of 15 MB")

        hub.go_on.set()
        page.click(f"#{SLUG}-model-download")
        page.wait_for_selector(f"#{SLUG}-model-facts >> text=downloaded")
        expect(page.locator(f"#{SLUG}-model input")).to_have_value(
            f"{MOBILENET.name} · CNN · 3.77 M · 15 MB · downloaded"
        )
        page.click(f"#{SLUG}-run")
        page.wait_for_selector(f"#{SLUG}-status >> text={MOBILENET.name}")
        page.close()
