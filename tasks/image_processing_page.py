"""What the inner tabs of the room Image processing share: the before/after slider, its files and its words."""

import time

import gradio as gr
import PIL.Image

from tasks.inputs import Layers, on_white
from tasks.restoration import Progress
from tasks.task import duration, result_file

SLUG = "image-processing"
SHOWN = 1024  # pixels of the longer side of what the page shows
BEFORE, CLASSIC = "before", "classic"  # what a result is compared with


def before_after(part: str, label: str) -> gr.ImageSlider:
    return gr.ImageSlider(
        label=label, show_label=False, format="jpeg", interactive=False, max_height=440, elem_id=f"{SLUG}-{part}",
        buttons=["download", "fullscreen"],
    )  # fmt: skip


def three_pictures(part: str, names: tuple[str, str, str]) -> list[gr.Image]:
    """Side by side, each with its name as a label."""
    with gr.Row():
        return [
            gr.Image(
                label=name, format="png", interactive=False, min_width=90, elem_id=f"{SLUG}-{part}-{number}",
                buttons=["download", "fullscreen"],
            )
            for number, name in enumerate(names, 1)
        ]  # fmt: skip


def shown(picture: PIL.Image.Image, side: int = SHOWN) -> PIL.Image.Image:
    """A copy for the page: RGB on white, its longer side at most `side`."""
    picture = on_white(picture)
    if max(picture.size) <= side:
        return picture
    shrink = side / max(picture.size)
    size = tuple(max(1, round(length * shrink)) for length in picture.size)
    return picture.resize(size, PIL.Image.Resampling.LANCZOS, reducing_gap=2.0)


def remarks(layers: Layers) -> list[str]:
    """What the status line says about the file."""
    return [f"first of {layers.frames} frames"] if layers.frames > 1 else []


def download_button(part: str) -> gr.DownloadButton:
    return gr.DownloadButton("Download as PNG", size="sm", visible=False, elem_id=f"{SLUG}-{part}-download")


def as_file(picture: PIL.Image.Image, name: str):
    """The update of a download button."""
    path = result_file(f"{name}.png")
    picture.save(path, compress_level=1)
    return gr.update(visible=True, value=str(path))


def unlearned(method: str, start: float, *more: str) -> str:
    """The status line of a method without a network."""
    return " · ".join([method, "no network", f"ran in {duration(time.perf_counter() - start)}", *more])


def tiles(step: Progress) -> str:
    return f"{step.done} of {step.total} tiles"


def hidden(count: int) -> list:
    return [gr.update(visible=False)] * count


def settled(status: str) -> str:
    """The status line once a run has ended, if it did not get to its end."""
    if "ran in" in status or not status:
        return status
    return f"Stopped after {status.split(',')[0]}." if " of " in status else "Stopped."
