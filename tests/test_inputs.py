"""Whatever file a visitor brings: a picture, or a sentence that says what is wrong."""

import io
import zlib

import av
import numpy as np
import PIL.EpsImagePlugin
import PIL.Image
import pytest
import soundfile

from tasks.errors import BadInput
from tasks.inputs import read_audio, read_picture


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


# Recordings

TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)  # one second


def is_tone(samples: np.ndarray, rate: int) -> bool:
    """Whether this is half-loud 440 Hz, about a second of it."""
    pitch = np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)
    loudness = np.sqrt(np.mean(samples**2)) * np.sqrt(2)
    return abs(len(samples) / rate - 1) < 0.1 and abs(pitch - 440) < 5 and abs(loudness - 0.5) < 0.02


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_wav_of_every_depth(subtype, tmp_path):
    soundfile.write(tmp_path / "tone.wav", np.stack([TONE, TONE], 1), 48_000, subtype=subtype)
    samples = read_audio(tmp_path / "tone.wav", 16_000)
    assert samples.dtype == np.float32 and samples.shape == (16_000,)
    assert is_tone(samples, 16_000)


@pytest.mark.parametrize("name", ["tone.flac", "tone.mp3", "tone.ogg", "tone.aiff", "tone.m4a", "tone.webm"])
def test_every_container(name, tmp_path):
    write_sound(tmp_path / name)
    assert is_tone(read_audio(str(tmp_path / name), 24_000), 24_000)


@pytest.mark.parametrize(
    "samples",
    [TONE, TONE.astype(np.float16), TONE[:, None], np.stack([TONE, TONE], 1).astype(np.float64),
     (TONE * 2**15).astype(np.int16), (TONE.astype(np.float64) * 2**31).astype(np.int32)],
)  # fmt: skip
def test_samples_of_every_kind(samples):
    assert is_tone(read_audio((48_000, samples), 16_000), 16_000)


@pytest.mark.parametrize(("name", "channels"), [("tone.wav", 8), ("tone.wav", 16), ("tone.wav", 60), ("tone.flac", 8)])
def test_many_channels_do_not_end_the_gallery(name, channels, tmp_path):
    soundfile.write(tmp_path / name, np.tile(TONE[:, None], channels), 48_000)
    assert is_tone(read_audio(tmp_path / name, 16_000), 16_000)


def test_postscript_is_not_run(tmp_path):
    (tmp_path / "program.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(BadInput):
        read_picture(tmp_path / "program.eps")
    assert PIL.EpsImagePlugin.gs_binary is False


def test_what_is_too_loud_is_scaled():
    assert np.abs(read_audio((16_000, TONE * 1000), 16_000)).max() == pytest.approx(1)


def test_a_damaged_stretch_does_not_cost_the_recording(tmp_path):
    write_sound(tmp_path / "tone.mp3")
    content = bytearray((tmp_path / "tone.mp3").read_bytes())
    content[2000:2600] = bytes(600)
    (tmp_path / "tone.mp3").write_bytes(content)
    assert len(read_audio(tmp_path / "tone.mp3", 16_000)) > 8_000


@pytest.mark.parametrize(
    ("audio", "sentence"),
    [
        (None, "There is no recording yet"),
        (5, "sample rate, samples"),
        ((16_000, "text"), "sample rate, samples"),
        ((0, TONE), "sample rate, samples"),
        ((16_000, np.stack([TONE, TONE])), "sample rate, samples"),  # (channels, n)
        ((16_000, TONE.astype(complex)), "sample rate, samples"),
        ((16_000, np.zeros(0, np.float32)), "empty"),
        ((16_000, np.append(TONE, np.nan)), "not numbers"),
        ((16_000, np.append(TONE, np.inf)), "not numbers"),
        ((16_000, np.zeros(3 * 3600 * 16_000, np.int16)), "too long: the limit is 10 minutes"),
    ],
)
def test_samples_that_are_no_recording(audio, sentence):
    with pytest.raises(BadInput, match=sentence):
        read_audio(audio, 16_000)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"not a recording at all" * 100, "not a recording"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "not a recording"),  # a playlist would open other files
        (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/a.wav\n", "not a recording"),
        (b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80>\0\0\0}\0\0\2\0\x10\0data\0\0\0\0", "empty"),
    ],
)
def test_files_that_are_no_recording(content, sentence, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BadInput, match=sentence):
        read_audio(tmp_path / "a.wav", 16_000)


def test_a_recording_that_is_gone(tmp_path):
    with pytest.raises(BadInput, match="not a recording"):
        read_audio(tmp_path / "gone.wav", 16_000)


def test_a_film_without_sound(tmp_path):
    with av.open(tmp_path / "film.mp4", "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode())
    with pytest.raises(BadInput, match="no sound"):
        read_audio(tmp_path / "film.mp4", 16_000)


def test_a_long_recording_is_refused_by_its_header_or_while_it_is_read(tmp_path):
    soundfile.write(tmp_path / "short.flac", TONE, 48_000)
    content = bytearray((tmp_path / "short.flac").read_bytes())
    content[22:26] = (3 * 3600 * 48_000).to_bytes(4, "big")  # what the header says: three hours
    (tmp_path / "short.flac").write_bytes(content)
    with pytest.raises(BadInput, match="too long"):
        read_audio(tmp_path / "short.flac", 16_000)

    soundfile.write(tmp_path / "long.flac", np.zeros(11 * 60 * 8_000, np.int16), 8_000)
    content = bytearray((tmp_path / "long.flac").read_bytes())
    content[22:26] = bytes(4)  # the header does not say
    (tmp_path / "long.flac").write_bytes(content)
    with pytest.raises(BadInput, match="too long"):
        read_audio(tmp_path / "long.flac", 16_000)


def write_sound(path) -> None:
    """The tone, in the format the name ends with."""
    codecs = {".m4a": ("aac", 1024), ".webm": ("libopus", 960)}  # with their samples a frame
    if path.suffix not in codecs:
        return soundfile.write(path, TONE, 48_000)
    with av.open(path, "w") as container:
        codec, frame_size = codecs[path.suffix]
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(TONE[None], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        pieces = av.AudioResampler(format=stream.format, layout="mono", rate=48_000, frame_size=frame_size)
        for piece in [*pieces.resample(frame), *pieces.resample(None), None]:
            container.mux(stream.encode(piece))
