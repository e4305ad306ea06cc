"""Makes the damaged and the drawn-on pictures of the room Image processing out of undamaged examples.

    python -m training.image_processing_examples

Needs scikit-image, which brings the rocket and the clock along.
"""

import numpy as np
import PIL.Image
import PIL.ImageDraw

from tasks.image_processing_looks import BLUR, DARK, NOISE, damage
from tasks.settings import EXAMPLES

# Points of each stroke, and its colour.
SCRIBBLES = {
    "#b45f2b": [(30, 330, 90, 390), (520, 330, 560, 200), (450, 30, 580, 60), (200, 25, 120, 110), (40, 160, 60, 230)],
    "#9c1f0c": [(150, 250, 200, 300, 300, 330), (405, 330, 450, 270, 450, 190), (120, 215, 160, 150),
                (210, 215, 250, 235)],
    "#f3e5d8": [(182, 60, 182, 130, 230, 190), (398, 120, 390, 160), (240, 40, 330, 40)],
    "#e8a345": [(240, 135, 340, 140), (280, 170, 330, 120)],
    "#8a4a1c": [(238, 100, 330, 96)],
    "#808080": [(345, 260, 370, 290), (410, 90, 400, 120), (10, 60, 60, 12)],
}  # fmt: skip


def main() -> None:
    for name, kind, amount, target in (
        ("cat", NOISE, 0.4, "cat-noisy.jpg"),
        ("astronaut", BLUR, 0.5, "astronaut-blurred.jpg"),
        ("coffee", DARK, 0.9, "coffee-dark.jpg"),
    ):
        pixels = np.asarray(PIL.Image.open(EXAMPLES / f"{name}.jpg"))
        PIL.Image.fromarray(damage(pixels, kind, amount).pixels).save(EXAMPLES / target, quality=92)

    cat = PIL.Image.open(EXAMPLES / "cat.jpg")
    cat.resize((150, 100), PIL.Image.Resampling.BICUBIC).save(EXAMPLES / "cat-small.png")

    coffee = PIL.Image.open(EXAMPLES / "coffee.jpg")
    coffee.convert("L").save(EXAMPLES / "coffee-grey.jpg", quality=90)
    layer = PIL.Image.new("RGBA", coffee.size)
    pen = PIL.ImageDraw.Draw(layer)
    for colour, strokes in SCRIBBLES.items():
        for stroke in strokes:
            pen.line(stroke, colour, width=8, joint="curve")
    layer.save(EXAMPLES / "coffee-scribbles.png", optimize=True)

    import skimage.data

    PIL.Image.fromarray(skimage.data.clock()).save(EXAMPLES / "clock.jpg", quality=95)

    rocket = PIL.Image.fromarray(skimage.data.rocket())
    rocket.save(EXAMPLES / "rocket.jpg", quality=88)
    layer = PIL.Image.new("RGBA", rocket.size)
    pen = PIL.ImageDraw.Draw(layer)
    pen.line((321, 115, 321, 385), "#ef4444", width=44)
    pen.ellipse((299, 98, 343, 142), "#ef4444")
    layer.save(EXAMPLES / "rocket-mask.png", optimize=True)


if __name__ == "__main__":
    main()
