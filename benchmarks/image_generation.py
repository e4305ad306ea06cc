"""generate() beside the network called by hand, and the enlarger beside spandrel called by hand."""

from collections.abc import Iterator

import numpy as np
import PIL.Image
import spandrel
import torch

from benchmarks import Row, compare
from tasks import models, settings
from tasks.image_generation import DEFAULT, SUITABLE, generate
from tasks.restoration import ENLARGER, enlarge
from tasks.settings import EXAMPLES
from tasks.style_transfer import MANY_STYLES, style_shares, stylize

PROMPT = "a purple elephant, light blue background"


def rows() -> Iterator[Row]:
    settings.use_threads()
    steps, guidance = SUITABLE[DEFAULT]

    def drawn():
        for _ in generate(PROMPT, steps=steps, guidance=guidance, seed=1):
            pass

    with models.use(DEFAULT) as network, torch.inference_mode():
        states, mask = network.encode([PROMPT, ""])
        z, ink = network.noise(1), torch.full((1, 1, 64, 64), -1.0)

        def alone():
            for step in range(steps):
                network.predict(z, step / steps, ink, states, mask, guidance)

        note = f"{steps} steps with guidance; ours also reads the words, shows each step and enlarges the last"
        yield compare(f"generate, {DEFAULT.name}, beside its U-Net alone", drawn, alone, runs=5, note=note)

    net = spandrel.ModelLoader("cpu").load_from_file(ENLARGER.source.folder() / "model.safetensors").model.float()
    small = PIL.Image.open(EXAMPLES / "cat.jpg").convert("RGB").resize((64, 64))

    def by_hand():
        with torch.inference_mode():
            net(torch.from_numpy(np.array(small)).permute(2, 0, 1)[None] / 255)

    yield compare("enlarge 64 to 256 pixels", lambda: enlarge(small), by_hand, runs=5)

    photo = EXAMPLES / "astronaut.jpg"
    session = settings.onnx_session(MANY_STYLES.source.folder() / "multistyle26.onnx")
    shares = style_shares({"Stained glass": 1}).astype(np.float32)

    def session_alone():
        x = np.asarray(PIL.Image.open(photo).convert("RGB"), np.float32).transpose(2, 0, 1)[None] / 255
        session.run(None, {"image": x, "style_weights": shares})

    yield compare("stylize 512 x 512 pixels", lambda: stylize(photo, "Stained glass"), session_alone, runs=7)
