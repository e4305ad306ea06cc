"""Our own small text (+ sketch) to picture network, trained on openly licensed emoji art.

    pip install resvg-py opencv-python-headless         # draw the SVG sets, find edges; only training needs them
    python -m training.emoji_art.data                   # published packages -> picture sheets + captions
    python -m training.emoji_art.train --minutes 25     # one GPU; --device cpu works too, slowly
    python -m training.emoji_art.classifier             # the judge: learns the OTHER drawing styles only
    python -m training.emoji_art.evaluate               # retrieval, memorisation, sketches, a sheet to look at
    python -m training.emoji_art.export                 # EMA weights -> assets/models/emoji-art/

Everything a step writes goes below `WORK`, outside the repository. `model.py` holds the network and its
sampler and needs nothing else from this folder but torch and diffusers.
"""

import os
from pathlib import Path

WORK = Path(os.environ.get("EMOJI_ART_WORK", Path.home() / ".cache" / "neural-gallery" / "emoji-art"))
EXPORTED = Path(__file__).resolve().parents[2] / "assets" / "models" / "emoji-art"
