"""What the command line decides and every task obeys: threads, memory, network, device."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"
EXAMPLES = ASSETS / "examples"
# Where training/publish_space.py puts the wheels of weights, for hosts that cannot install without dependencies.
sys.path.append(str(ROOT / "weights"))
# Nothing is told to anybody: these libraries report home unless asked not to before they are loaded.
os.environ |= {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

GPU_SECONDS = 60  # what a run may take of a borrowed GPU


@dataclass
class Settings:
    """One instance for the process: `settings`. app.py fills it from the command line."""

    threads: int = os.cpu_count() or 1
    """Threads one run of a network may use."""
    memory_gb: float = 4.0
    """Budget for loaded models; the least recently used leave first."""
    offline: bool = False
    """Never open a connection to the Hub."""


settings = Settings()


def cache_folder() -> Path:
    """Where joined and converted weights are kept; NEURAL_GALLERY_CACHE overrides the platform's choice.

    Some hosts give a home that cannot be written to: then the temporary folder, until the machine starts anew.
    """
    if chosen := os.environ.get("NEURAL_GALLERY_CACHE"):
        return Path(chosen)
    usual = Path(platformdirs.user_cache_dir("neural-gallery"))
    with suppress(OSError):
        usual.mkdir(parents=True, exist_ok=True)
    return usual if os.access(usual, os.W_OK) else Path(tempfile.gettempdir()) / "neural-gallery-cache"


def device() -> str:
    """ "cuda", "mps" or "cpu": the best device torch sees. The one place where this is decided."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def dtype():
    """The torch.dtype for large networks: float32 on a CPU, where halves are slow; half of that on other devices."""
    import torch

    return {"cpu": torch.float32, "mps": torch.float16, "cuda": torch.bfloat16}[device()]


def zero_gpu(handler: Callable) -> Callable:
    """On a Space with ZeroGPU, the handler with a GPU lent to it while it runs; anywhere else, the handler itself."""
    try:
        import spaces
    except ImportError:
        return handler
    return spaces.GPU(duration=GPU_SECONDS)(handler)


def use_threads() -> None:
    """Apply `settings.threads` to torch. Loaders call it, since importing torch early would slow the start."""
    import torch

    torch.set_num_threads(settings.threads)


@contextmanager
def one_thread() -> Iterator[None]:
    """For networks so small that threads mostly wait for each other: ten times faster when the cores are busy."""
    import torch

    torch.set_num_threads(1)
    try:
        yield
    finally:
        use_threads()


def onnx_session(path: Path, keep_memory: bool = True):
    """An ONNX Runtime session on the CPU that obeys `settings.threads`.

    Spinning is off: on a busy machine waiting threads would otherwise burn the cores the others need.

    Args:
        keep_memory: between runs, keep what a run needs beside the weights. Large networks give it back: MAXIM's
            next run takes 8 % longer, and the gallery holds 370 MB less.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = keep_memory
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
