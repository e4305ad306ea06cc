"""detect() beside ONNX Runtime called by hand on the same picture: same input, no decoding, no suppression."""

from collections.abc import Iterator

import PIL.Image

from benchmarks import Row, compare
from tasks import models, settings, yolox
from tasks.object_detection import DEFAULT, detect
from tasks.settings import EXAMPLES


def rows() -> Iterator[Row]:
    session = settings.onnx_session(yolox.SOURCE.folder() / "yolox_nano.onnx")
    picture = EXAMPLES / "collage.jpg"

    def by_hand():
        session.run(None, {"images": yolox.letterbox(PIL.Image.open(picture).convert("RGB"))[0]})

    models.load(DEFAULT)
    yield compare(f"detect, {DEFAULT.name}", lambda: detect(picture), by_hand, runs=40)
