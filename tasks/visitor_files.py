"""The files that visitors leave behind: none gets an hour old, be it whole, half or forgotten.

Gradio deletes the uploads and results it has handed out. What it loses sight of is deleted here: uploads that broke
off, results nobody was shown any more, and empty folders.
"""

import contextlib
import threading
import time
from pathlib import Path

import gradio as gr
from gradio import route_utils, routes
from gradio.route_utils import GradioMultiPartParser, MultiPartException

from tasks.errors import shortage

TIDY_EVERY = 600  # seconds
KEEP_FILES = 2400  # seconds, for Gradio: it notices a file TIDY_EVERY late at most
KEEP_LOST = KEEP_FILES + TIDY_EVERY  # after Gradio, which otherwise remembers the names for ever


class CarefulParser(GradioMultiPartParser):
    """Reads an upload. Gradio's own leaves half a file behind when a visitor breaks off or the disk is full."""

    async def parse(self):
        try:
            return await super().parse()
        except BaseException as error:  # also that the visitor has gone
            for file in self._files_to_close_on_error:
                with contextlib.suppress(OSError):  # closing writes what is left
                    file.close()
                Path(file.name).unlink(missing_ok=True)
            if told := shortage(error):
                raise MultiPartException(told) from error
            raise


route_utils.GradioMultiPartParser = routes.GradioMultiPartParser = CarefulParser


def tidy(gallery: gr.Blocks, folder: Path, age: float = KEEP_LOST) -> None:
    """Delete what lies in the folder for more than `age` seconds, except what the pages themselves show."""
    kept = {path for block in list(gallery.blocks.values()) for path in getattr(block, "keep_in_cache", ())}
    for path in sorted(folder.rglob("*"), reverse=True):  # what a folder holds comes before the folder
        with contextlib.suppress(OSError):
            if str(path) in kept or time.time() - path.lstat().st_ctime <= age:
                continue
            if path.is_dir() and not path.is_symlink():
                path.rmdir()  # only an empty one lets itself be removed
            else:
                path.unlink()


def keep_tidy(gallery: gr.Blocks, folder: Path) -> None:
    """`tidy` from now on, until the process ends."""

    def run():
        while True:
            time.sleep(TIDY_EVERY)
            tidy(gallery, folder)

    threading.Thread(target=run, daemon=True).start()
