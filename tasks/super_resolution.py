"""Real-ESRGAN x4plus-anime: pictures of flat colours and clean outlines, four times as large.

Wang 2021, arXiv:2107.10833; the network is an RRDBNet of six blocks (Wang 2018, arXiv:1809.00219). What the two
generative tabs enlarge with, and what draws cartoons out of photographs that were made small.
"""

from pathlib import Path

import numpy as np
import PIL.Image

from tasks import models, settings
from tasks.models import Model
from tasks.weights import Asset


class Enlarger:
    def __init__(self, folder: Path):
        import spandrel

        settings.use_threads()
        loaded = spandrel.ModelLoader(settings.device()).load_from_file(folder / "model.safetensors")
        self.net = loaded.model.float().eval()

    def __call__(self, picture: PIL.Image.Image) -> PIL.Image.Image:
        import torch

        x = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None] / 255  # (1, 3, H, W)
        with torch.inference_mode():
            y = self.net(x.to(settings.device()))[0].clamp(0, 1) * 255
        return PIL.Image.fromarray(y.round().byte().permute(1, 2, 0).cpu().numpy())


ENLARGER = Model(
    name="Real-ESRGAN x4plus-anime", load=Enlarger, family="CNN", parameters=4_467_779, megabytes=9,
    source=Asset("realesrgan-x4plus-anime",
                 {"model.safetensors": "7cec4a3d1da56f059d7182e8638a0ffe3888c1a9613578b4d2830259a777b55f"}),
    license="BSD-3-Clause", link="https://github.com/xinntao/Real-ESRGAN",
    note="Trained on drawn pictures: it finds outlines and flat colours, in photographs too.",
)  # fmt: skip


def enlarge(picture: PIL.Image.Image) -> PIL.Image.Image:
    """A picture of at most a few hundred pixels a side, four times as large. Time grows with its area."""
    with models.use(ENLARGER) as network:
        return network(picture)
