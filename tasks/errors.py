"""The errors a visitor may read. Each message is a whole sentence: what is wrong, and what to do.

    GalleryError
    ├── BadInput            the picture, recording, text or number given cannot be used
    └── ModelUnavailable    the weights of the chosen model are not here, or are damaged

What the machine lacks, `shortage` words. Anything else that reaches a handler is a bug: the visitor gets an id, the log
gets the traceback.
"""

import errno

NO_MEMORY = "The memory of this machine does not suffice for that. Try a smaller input or a smaller model."
NO_SPACE = "The disk of this machine is full, so nothing can be kept on it. Whoever runs the gallery has to make room."
# How torch, ONNX Runtime, CTranslate2 and llama.cpp say that memory ran out, each in a class of its own.
OUT_OF_MEMORY = (
    "out of memory",
    "outofmemory",
    "bad_alloc",
    "bad alloc",
    "can't allocate memory",
    "failed to allocate",
)


class GalleryError(Exception):
    """A sentence for the visitor."""


class BadInput(GalleryError):
    """What was given cannot be used."""


class ModelUnavailable(GalleryError):
    """The chosen model cannot be loaded here and now."""


def shortage(error: BaseException) -> str | None:
    """What the machine lacked, if an error says that memory or disk ran out."""
    if error.__cause__ is not None and (told := shortage(error.__cause__)):
        return told  # Gradio wraps what happens while it saves a result
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NO_SPACE
    said = f"{type(error).__name__}: {error}".lower()
    if isinstance(error, MemoryError) or any(words in said for words in OUT_OF_MEMORY):
        return NO_MEMORY
    return None
