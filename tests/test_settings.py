"""What the gallery decides for all its networks."""

import os
import subprocess
import sys

from tasks.settings import EXAMPLES, ROOT, cache_folder, zero_gpu


def test_no_library_prepares_to_report_home(tmp_path):
    """ONNX Runtime writes an identifier into the home before its first report."""
    program = f"from tasks.object_detection import detect; assert detect({str(EXAMPLES / 'cat.jpg')!r})"
    home = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=home, check=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "neural-gallery" not in path.parts]


def test_a_home_that_cannot_be_written_to_gets_a_cache_elsewhere(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.delenv("NEURAL_GALLERY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    assert os.access(cache_folder().parent, os.W_OK)


def test_a_gpu_is_borrowed_where_there_is_one_to_borrow(monkeypatch):
    def handler():
        yield 1

    monkeypatch.setitem(sys.modules, "spaces", None)  # not installed
    assert zero_gpu(handler) is handler

    class Spaces:
        @staticmethod
        def GPU(duration):
            return lambda function: (function, duration)

    monkeypatch.setitem(sys.modules, "spaces", Spaces)
    function, seconds = zero_gpu(handler)
    assert function is handler and 0 < seconds <= 120
