"""What visitors hand in, made into what networks take, or a clear sentence. Knows nothing of Gradio."""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.EpsImagePlugin
import PIL.Image
import PIL.ImageOps

from tasks.errors import BadInput

MAX_MEGAPIXELS = 25  # a 17 KB file can decode to gigabytes
# Pillow refuses to open what has twice this many pixels, before anything is decoded.
PIL.Image.MAX_IMAGE_PIXELS = MAX_MEGAPIXELS * 1_000_000

PIL.EpsImagePlugin.gs_binary = False  # PostScript is a program: no visitor's file is run

TOO_MANY_PIXELS = f"This picture is too large: the limit is {MAX_MEGAPIXELS} megapixels. Make it smaller and try again."
NOT_A_PICTURE = "This file is not a picture that can be read. JPEG, PNG, WebP and GIF work."

MAX_MINUTES = 10
# What FFmpeg may take a file for: sound, or a film with sound. Playlists, which open other files, are left out.
SOUND_FORMATS = "aac,aiff,amr,asf,au,avi,caf,flac,matroska,mov,mp3,ogg,w64,wav"

TOO_LONG = f"This recording is too long: the limit is {MAX_MINUTES} minutes. Cut it and try again."
NOT_A_RECORDING = "This file is not a recording that can be read. WAV, MP3, M4A, FLAC, OGG and WebM work."
EMPTY_RECORDING = "This recording is empty: there is no sound in it."
FULL_SCALE = {"int16": 2**15, "int32": 2**31, "float16": 1, "float32": 1, "float64": 1}
MAX_CHANNELS = 16
NOT_SAMPLES = "A recording is a file or (sample rate, samples): int16, int32 or float, of shape (n,) or (n, channels)."


@dataclass(frozen=True)
class Layers:
    """A picture with its transparency beside it, for tools that give back what they were given.

    rgb: upright, mode RGB. alpha: mode L, None if nothing is transparent. frames: how many the file has.
    """

    rgb: PIL.Image.Image
    alpha: PIL.Image.Image | None = None
    frames: int = 1

    def joined(self, rgb: PIL.Image.Image) -> PIL.Image.Image:
        """Another picture with this one's transparency, brought to its size: RGBA, or RGB where there is none."""
        if self.alpha is None:
            return rgb
        rgb = rgb.copy()
        rgb.putalpha(self.alpha.resize(rgb.size, PIL.Image.Resampling.BICUBIC))
        return rgb


def read_picture(picture: str | Path | np.ndarray | PIL.Image.Image | None) -> PIL.Image.Image:
    """An upright RGB picture on white.

    Args:
        picture: a path, a PIL image of any mode, or uint8 (H, W), (H, W, 3) or (H, W, 4). Of an animation, the first
            frame counts; 16-bit grey is scaled to 8 bits; transparency becomes white; the EXIF orientation is applied.

    Raises:
        BadInput: nothing given, not a picture, damaged, SVG, or more than MAX_MEGAPIXELS.
    """
    picture, _ = _decoded(picture)
    return on_white(picture)


def on_white(picture: PIL.Image.Image) -> PIL.Image.Image:
    """A picture without its transparency, if it has any."""
    if picture.mode != "RGBA":
        return picture
    return PIL.Image.alpha_composite(PIL.Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def at_most(picture: PIL.Image.Image, side: int) -> PIL.Image.Image:
    """A copy whose longer side is at most `side` pixels."""
    small = picture.copy()
    small.thumbnail((side, side), PIL.Image.Resampling.LANCZOS)
    return small


def read_layers(picture: str | Path | np.ndarray | PIL.Image.Image | None) -> Layers:
    """Like `read_picture`, but the transparency is kept, and so are the colours under it."""
    picture, frames = _decoded(picture)
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    return Layers(picture.convert("RGB"), alpha, frames)


def _decoded(picture: str | Path | np.ndarray | PIL.Image.Image | None) -> tuple[PIL.Image.Image, int]:
    """Upright, RGB or RGBA, and how many frames the file has. Raises as `read_picture` tells."""
    if picture is None:
        raise BadInput("There is no picture yet: upload one, take one, or click an example.")
    try:
        with warnings.catch_warnings(), contextlib.ExitStack() as file:
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # the limit is enforced below
            if isinstance(picture, np.ndarray):
                picture = PIL.Image.fromarray(picture)
            elif not isinstance(picture, PIL.Image.Image):
                picture = file.enter_context(PIL.Image.open(picture))
            if picture.width * picture.height > MAX_MEGAPIXELS * 1_000_000:
                raise BadInput(TOO_MANY_PIXELS)
            if 0 in picture.size:
                raise BadInput("This picture is empty: it has no pixels.")
            frames = getattr(picture, "n_frames", 1)
            picture.load()
            picture = PIL.ImageOps.exif_transpose(picture)  # a copy
    except PIL.Image.DecompressionBombError as error:
        raise BadInput(TOO_MANY_PIXELS) from error
    except PIL.UnidentifiedImageError as error:
        raise BadInput(NOT_A_PICTURE) from error
    except (OSError, ValueError, TypeError, SyntaxError, EOFError) as error:
        raise BadInput("This picture is damaged: it cannot be read to its end.") from error
    if picture.mode.startswith("I") or picture.mode == "F":
        return _eight_bits(picture), frames
    if "A" in picture.getbands() or "transparency" in picture.info:
        return picture.convert("RGBA"), frames
    return picture.convert("RGB"), frames


def _eight_bits(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Modes I, I;16 and F -> RGB: 16-bit files use 0..65535, floats whatever range they hold."""
    values = np.asarray(picture, dtype=np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (0.0, 65535.0) if picture.mode.startswith("I") else (values.min(), values.max())
    scaled = (values - low) / max(high - low, 1e-9) * 255
    return PIL.Image.fromarray(scaled.clip(0, 255).astype(np.uint8)).convert("RGB")


def read_audio(audio: str | Path | tuple[int, np.ndarray] | None, rate: int) -> np.ndarray:
    """A recording as float32 (samples,) in -1..1: one channel, the mean of all, at `rate` samples per second.

    Args:
        audio: a path to anything FFmpeg reads (PyAV brings it along: WAV of any depth, MP3, M4A, FLAC, OGG, WebM, the
            sound of a film), or (sample rate, samples) with samples (n,) or (n, channels) of int16, int32 or
            float. Floats beyond -1..1 are scaled into it.
        rate: samples per second wanted.

    Raises:
        BadInput: nothing given, no recording, damaged, empty, not a number somewhere, or longer than MAX_MINUTES; a
            length that the file's header tells is refused before anything is decoded.
    """
    import av

    if audio is None:
        # The page shows a recording while it is still being sent.
        raise BadInput(
            "There is no recording yet: upload one, record one, or click an example. "
            "If you have just recorded it, try again in a moment."
        )
    # One plane for all channels: with eight planes and more PyAV's resampler kills the process.
    resampler = av.AudioResampler(format="flt", rate=rate)
    chunks, length = [], 0
    try:
        for frame in _frames_of_file(audio) if isinstance(audio, str | Path) else _frames_of_samples(audio):
            for resampled in resampler.resample(frame):
                chunks.append(resampled.to_ndarray().reshape(-1, resampled.layout.nb_channels).mean(1))
                length += len(chunks[-1])
            if length > MAX_MINUTES * 60 * rate:  # streamed files tell no length in advance
                raise BadInput(TOO_LONG)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise BadInput(NOT_A_RECORDING) from error
    samples = np.concatenate(chunks or [[]]).astype(np.float32)
    if not samples.size:
        raise BadInput(EMPTY_RECORDING)
    if not np.isfinite(samples).all():
        raise BadInput("This recording is damaged: some of its samples are not numbers.")
    return samples / max(1.0, np.abs(samples).max())


def _frames_of_file(path: str | Path) -> Iterator:
    """The decoded frames of the first audio stream, then None, which makes a resampler give its rest."""
    import av

    if not Path(path).stat().st_size:
        raise BadInput(EMPTY_RECORDING)
    with av.open(str(path), options={"format_whitelist": SOUND_FORMATS}, metadata_errors="ignore") as container:
        if not container.streams.audio:
            raise BadInput("This film has no sound.")
        if (container.duration or 0) > MAX_MINUTES * 60 * av.time_base:
            raise BadInput(TOO_LONG)
        for packet in container.demux(container.streams.audio[0]):
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                continue  # a damaged packet costs some milliseconds of sound, not the recording
    yield None


def _frames_of_samples(audio: tuple[int, np.ndarray]) -> Iterator:
    """(sample rate, samples) as one frame, then None."""
    import av

    try:
        rate, samples = int(audio[0]), np.asarray(audio[1])
    except (TypeError, ValueError, IndexError) as error:
        raise BadInput(NOT_SAMPLES) from error
    if samples.ndim == 1:
        samples = samples[:, None]
    if rate < 1 or samples.ndim != 2 or samples.shape[1] > MAX_CHANNELS or samples.dtype.name not in FULL_SCALE:
        raise BadInput(NOT_SAMPLES)
    if not samples.size:
        raise BadInput(EMPTY_RECORDING)
    if len(samples) > MAX_MINUTES * 60 * rate:
        raise BadInput(TOO_LONG)
    mono = samples.mean(1, dtype=np.float32)[None] / np.float32(FULL_SCALE[samples.dtype.name])  # (1, n)
    frame = av.AudioFrame.from_ndarray(mono, format="fltp", layout="mono")
    frame.sample_rate = rate
    yield from (frame, None)
