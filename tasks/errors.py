"""The errors a visitor may read. Each message is a whole sentence: what is wrong, and what to do.

    GalleryError
    ├── BadInput            the picture, recording, text or number given cannot be used
    └── ModelUnavailable    the weights of the chosen model are not here, or are damaged

Anything else that reaches a handler is a bug: the visitor gets an id, the log gets the traceback.
"""


class GalleryError(Exception):
    """A sentence for the visitor."""


class BadInput(GalleryError):
    """What was given cannot be used."""


class ModelUnavailable(GalleryError):
    """The chosen model cannot be loaded here and now."""
