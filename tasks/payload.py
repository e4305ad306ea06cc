"""What a browser or a program sends, looked through before any component reads it."""

import logging
from collections.abc import Sequence
from typing import Any

import gradio as gr
import PIL.Image
from gradio.components.api_component import Api
from gradio.exceptions import ComponentProcessingError, InvalidPathError

from tasks.errors import BadInput, GalleryError, shortage
from tasks.inputs import NOT_A_PICTURE, TOO_MANY_PIXELS

log = logging.getLogger("neural_gallery")

TEXT = {"type": "string"}
LARGEST = 2**53  # beyond it JSON's numbers are no longer exact

NOT_A_NUMBER = "One of the numbers is not a number that can be used: it is infinite, not a number, or far too large."
NOT_UPLOADED = "One of the files was not uploaded by you: upload it first, and send the path you are given."
UNFIT = "One of the inputs cannot be used: it is missing, of the wrong kind, or outside its range."


def checked(data: Sequence, components: Sequence) -> list:
    """The inputs of an event, made harmless: no text box without a text, no half characters.

    Raises:
        BadInput: infinities, numbers that are none, texts longer than their box, and files without the mark of an
            upload: Gradio makes sure that a marked file is the visitor's own, and lets its picture component read an
            unmarked one from anywhere on the machine.
    """
    inputs = plain(list(data))
    for place, component in enumerate(components[: len(inputs)]):
        value, single = inputs[place], not getattr(component, "multiselect", False)
        if isinstance(component, gr.Dropdown | gr.Radio) and single:
            if isinstance(value, list | dict):
                raise BadInput(UNFIT)
            if value is None and component.value is not None:
                raise BadInput(f"Nothing is chosen under “{component.label}”.")
        if isinstance(component, Api) and component.api_info() == TEXT and not isinstance(value, str):
            raise BadInput(UNFIT)
        if isinstance(component, gr.Textbox):
            if isinstance(value, list | dict):
                raise BadInput(UNFIT)
            text = inputs[place] = "" if value is None else str(value)
            if component.max_length and len(text) > component.max_length:
                raise BadInput(f"This text is too long: {component.max_length:,} characters are the limit.")
    return inputs


def plain(value: Any) -> Any:
    """JSON with halves of characters replaced, as neither tokenizers nor files take them. Raises as `checked` tells."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, int | float) and not (abs(value) <= LARGEST):
        raise BadInput(NOT_A_NUMBER)
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        if value.get("path") is not None and not is_marked(value):
            raise BadInput(NOT_UPLOADED)
        return {plain(name): plain(part) for name, part in value.items()}
    return value


def is_marked(file: dict) -> bool:
    """Whether Gradio will look at where this file lies."""
    meta = file.get("meta")
    return isinstance(file["path"], str) and isinstance(meta, dict) and meta.get("_type") == "gradio.FileData"


def refusal(error: Exception) -> Exception:
    """Why a component did not take its input, for the visitor. What has nothing to do with the input stays as it is."""
    cause = error.__cause__ if isinstance(error, ComponentProcessingError) else error
    if isinstance(cause, GalleryError) or shortage(cause):
        return cause
    if isinstance(cause, gr.Error):  # Gradio's own words, which quote the value: as our words they are escaped
        return BadInput(cause.message)
    if isinstance(cause, PIL.UnidentifiedImageError):
        return BadInput(NOT_A_PICTURE)
    if isinstance(cause, PIL.Image.DecompressionBombError):
        return BadInput(TOO_MANY_PIXELS)
    if isinstance(cause, InvalidPathError):
        return BadInput(NOT_UPLOADED)
    log.info("an input that a component does not take", exc_info=error)
    return BadInput(UNFIT)
