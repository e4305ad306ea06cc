"""The gallery behind nginx, under a path of its own, set up as the README says."""

import re
import shutil
import socket
import subprocess

import pytest

from tasks.settings import EXAMPLES, ROOT
from tests.browser.conftest import running_gallery, visit


@pytest.fixture
def address(tmp_path):
    """Of nginx, in front of a gallery."""
    location = re.search(r"```nginx\n(.+?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)[1]
    with running_gallery(tmp_path, GRADIO_ROOT_PATH="/gallery") as url, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        # Nothing goes through files: started as root, nginx works as a user who may not write here.
        memory = "client_body_buffer_size 20m; proxy_max_temp_file_size 0;"
        folders = " ".join(f"{kind}_temp_path {tmp_path / kind};" for kind in ("client_body", "proxy"))
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; pid {tmp_path / 'pid'}; error_log {tmp_path / 'errors'}; events {{}}\n"
            f"http {{ access_log off; {folders} {memory} server {{ listen 127.0.0.1:{port};\n"
            f"{location.replace('http://127.0.0.1:7860/', url.rstrip('/') + '/')} }} }}"
        )
        nginx = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", tmp_path / "nginx.conf"])
        yield f"http://127.0.0.1:{port}/gallery/"
        nginx.terminate()
        nginx.wait(10)


def test_uploads_and_streams_pass_and_nothing_leaves_the_path(browser, address):
    page = browser.new_page()
    page.set_default_timeout(90_000)
    elsewhere, failed = [], []
    page.on("request", lambda asked: asked.url.startswith((address, "data:", "blob:")) or elsewhere.append(asked.url))
    page.on("response", lambda answer: answer.status < 400 or failed.append(answer.url))
    visit(page, address, "image-classification")
    page.click("#image-classification-picture button[aria-label='Remove Image']")
    page.set_input_files("#image-classification-picture input[type=file]", EXAMPLES / "coffee.jpg")
    page.wait_for_selector("#image-classification-picture img")
    page.click("#image-classification-run")
    page.wait_for_selector("#image-classification-result >> text=espresso")
    visit(page, address, "text-generation")
    page.click("#text-generation-run")
    page.wait_for_selector("#text-generation-stop", state="visible")
    page.wait_for_selector("#text-generation-status >> text=tokens/s")  # while it is being written
    page.wait_for_selector("#text-generation-download", state="visible")
    page.close()
    assert not elsewhere and not failed
