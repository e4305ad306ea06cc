"""classify() beside timm called by hand on the same picture."""

from collections.abc import Iterator

import PIL.Image
import timm
import torch

from benchmarks import Row, compare
from tasks import models, settings
from tasks.image_classification import DEFAULT, classify
from tasks.settings import EXAMPLES


def rows() -> Iterator[Row]:
    settings.use_threads()
    net = timm.create_model(f"local-dir:{DEFAULT.source.folder()}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_data_config(model=net))
    picture = EXAMPLES / "cat.jpg"

    def by_hand():
        with torch.inference_mode():
            net(transform(PIL.Image.open(picture).convert("RGB"))[None]).softmax(-1).topk(5)

    models.load(DEFAULT)
    yield compare(f"classify, {DEFAULT.name}", lambda: classify(picture), by_hand, runs=30)
