"""Whatever file a visitor brings: a picture, or a sentence that says what is wrong."""

import io
import zlib

import numpy as np
import PIL.Image
import pytest

from tasks.errors import BadInput
from tasks.inputs import read_picture


def saved(picture: PIL.Image.Image, path, **options):
    picture.save(path, **options)
    return path


def colour(picture: PIL.Image.Image) -> tuple[int, int, int]:
    return picture.getpixel((0, 0))


def test_every_mode_becomes_rgb(tmp_path):
    red = PIL.Image.new("RGB", (8, 8), (255, 0, 0))
    assert colour(read_picture(saved(red.convert("P"), tmp_path / "palette.png"))) == (255, 0, 0)
    assert colour(read_picture(saved(red.convert("CMYK"), tmp_path / "cmyk.jpg")))[0] > 240
    assert colour(read_picture(red.convert("L")))[0] == 76
    assert colour(read_picture(np.asarray(red))) == (255, 0, 0)
    assert colour(read_picture(np.full((8, 8), 7, np.uint8))) == (7, 7, 7)


def test_transparent_becomes_white_and_16_bits_become_8(tmp_path):
    clear = PIL.Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert colour(read_picture(saved(clear, tmp_path / "clear.png"))) == (255, 255, 255)
    deep = PIL.Image.fromarray(np.full((8, 8), 32896, np.uint16))
    assert colour(read_picture(saved(deep, tmp_path / "deep.png"))) == (128, 128, 128)
    nan = PIL.Image.fromarray(np.array([[np.nan, 1.0], [0.0, 1.0]], np.float32))
    assert colour(read_picture(nan)) == (0, 0, 0)


def test_the_first_frame_of_an_animation_counts(tmp_path):
    frames = [PIL.Image.new("RGB", (8, 8), name) for name in ("red", "blue")]
    path = saved(frames[0], tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert colour(read_picture(path)) == (255, 0, 0)


def test_a_phone_held_upright(tmp_path):
    exif = PIL.Image.Exif()
    exif[274] = 6  # turn by 90 degrees
    path = saved(PIL.Image.new("RGB", (40, 20)), tmp_path / "phone.jpg", exif=exif)
    assert read_picture(path).size == (20, 40)


def test_one_pixel_is_a_picture():
    assert read_picture(PIL.Image.new("RGB", (1, 1), "red")).size == (1, 1)


def png_header(width: int, height: int) -> bytes:
    """A small PNG that claims to be huge."""

    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = chunk(b"IHDR", width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\x00\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a picture"),
        (b"hello, I am a text", "not a picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a picture"),
        (png_header(30_000, 30_000), "too large"),
        (png_header(6_000, 5_000), "too large"),
        (png_header(50, 50), "damaged"),
    ],
    ids=["empty", "text", "svg", "bomb", "30 megapixels", "truncated"],
)
def test_what_is_no_picture_is_named(content, sentence, tmp_path):
    path = tmp_path / "file.png"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=sentence):
        read_picture(path)


def test_a_jpeg_cut_short_is_damaged(tmp_path):
    buffer = io.BytesIO()
    PIL.Image.effect_noise((200, 200), 90).save(buffer, "JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(buffer.getvalue()[:5000])
    with pytest.raises(BadInput, match="damaged"):
        read_picture(path)


def test_nothing_given():
    with pytest.raises(BadInput, match="no picture yet"):
        read_picture(None)


@pytest.mark.parametrize("array", [np.zeros((0, 0, 3), np.uint8), np.zeros((4, 4, 7), np.uint8)])
def test_arrays_of_no_picture(array):
    with pytest.raises(BadInput):
        read_picture(array)
