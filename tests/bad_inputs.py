"""What visitors should not bring, and some do: every form of input but the right one. Made here, none of it shipped."""

import io
import struct
import wave
import zlib

import numpy as np
import openpyxl
import PIL.Image
import soundfile


def png(width: int, height: int, depth: int = 8, kind: int = 2, rows: bytes | None = None) -> bytes:
    """A PNG whose header says this, whatever its rows hold: black by default, and then it is a small file."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(100) if rows is None else rows))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


def encoded(picture: PIL.Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def noise(width: int, height: int, mode: str = "RGB") -> PIL.Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return PIL.Image.fromarray(values).convert(mode)


def pictures() -> dict[str, bytes]:
    """{file name: content}: what is no picture, what claims to be another, and pictures of unusual shapes."""
    photo = noise(48, 40)
    jpeg, flat = encoded(photo, "JPEG"), encoded(photo, "PNG")
    frames = [PIL.Image.new("P", (20, 20), colour) for colour in (1, 2, 3)]
    exif = PIL.Image.Exif()
    exif[274] = 7
    clear = PIL.Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    deep = np.random.default_rng(1).integers(0, 65536, (24, 24)).astype(np.uint16)
    wild = np.where(np.eye(16, dtype=bool), np.nan, np.float32(1e30)).astype(np.float32)
    return {
        "empty.png": b"",
        "blank.jpg": b" \n",
        "text.png": b"these are notes, not a picture",
        "zeros.png": bytes(4096),
        "page.png": b"<!DOCTYPE html><img src=x onerror=alert(1)>",
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>',
        "drawing.png": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "magic.gif": b"GIF89a",
        "magic.png": b"\x89PNG\r\n\x1a\n",
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut.png": flat[: len(flat) // 2],
        "scrambled.png": flat[:60] + bytes(40) + flat[100:],
        "no-rows.png": png(50, 50),
        "bomb.png": png(30_000, 30_000),
        "bomb-of-colours.png": png(6000, 5000, rows=bytes(5000 * (1 + 6000 * 3))),
        "no-width.png": png(0, 10),
        "no-height.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 10, 0, 1, 24, 0, 0, 0, 0, 0, 0),
        "negative.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, -9, 9, 1, 24, 0, 0, 0, 0, 0, 0),
        "postscript.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
        "manual.pdf": b"%PDF-1.4\n1 0 obj<<>>endobj\n",
        "archive.zip.png": b"PK\x03\x04" + bytes(100),
        "jpeg-inside.png": jpeg,
        "png-inside.jpg": flat,
        "one.png": encoded(noise(1, 1), "PNG"),
        "line.png": encoded(noise(3000, 1), "PNG"),
        "column.png": encoded(noise(1, 3000), "PNG"),
        "two.png": encoded(noise(2, 2), "PNG"),
        "strip.jpg": encoded(noise(2000, 3), "JPEG"),
        "black.png": encoded(PIL.Image.new("RGB", (40, 40)), "PNG"),
        "white.webp": encoded(PIL.Image.new("RGB", (40, 40), "white"), "WEBP"),
        "print.jpg": encoded(photo.convert("CMYK"), "JPEG"),
        "print.tiff": encoded(photo.convert("CMYK"), "TIFF"),
        "lab.tiff": encoded(photo.convert("LAB"), "TIFF"),
        "palette.gif": encoded(photo.convert("P"), "GIF", transparency=0),
        "two-colours.png": encoded(photo.convert("1"), "PNG"),
        "grey-clear.png": encoded(photo.convert("LA"), "PNG"),
        "clear.png": encoded(clear, "PNG"),
        "deep.png": encoded(PIL.Image.fromarray(deep), "PNG"),
        "wild.tiff": encoded(PIL.Image.fromarray(wild), "TIFF"),
        "film.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "film.webp": encoded(photo, "WEBP", save_all=True, append_images=[photo.rotate(9)]),
        "mirrored.jpg": encoded(photo, "JPEG", exif=exif),
        "icon.ico": encoded(photo.resize((16, 16)), "ICO"),
        "no-suffix": jpeg,
        "ünï cödé & <b>.jpg": jpeg,
    }


def wav(samples: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, subtype=subtype, format="WAV")
    return buffer.getvalue()


def header(rate: int = 16_000, channels: int = 1, bits: int = 16, size: int = 0, data: bytes = b"") -> bytes:
    """A WAV whose header says this, whatever follows."""
    block = channels * bits // 8 & 0xFFFF
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size & 0xFFFFFFFF)
        + b"WAVEfmt \x10\0\0\0"
        + form
        + b"data"
        + struct.pack("<I", size)
        + data
    )


def recordings() -> dict[str, bytes]:
    """{file name: content}: what is no recording, what lies about itself, and recordings of unusual shapes."""
    tone = (0.3 * np.sin(np.arange(4000) * 0.2)).astype(np.float32)
    good = wav(tone)
    flac = io.BytesIO()
    soundfile.write(flac, tone, 16_000, format="FLAC")
    mp3 = io.BytesIO()
    soundfile.write(mp3, tone, 16_000, format="MP3")
    silent = io.BytesIO()
    with wave.open(silent, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
    return {
        "empty.wav": b"",
        "text.wav": b"a song about nothing",
        "zeros.mp3": bytes(5000),
        "page.wav": b"<html><audio src=x></html>",
        "list.m3u8": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        "list.wav": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "picture.wav": png(8, 8, rows=bytes(8 * 25)),
        "half-header.wav": good[:20],
        "no-samples.wav": silent.getvalue(),
        "cut.wav": good[:1001],
        "cut.flac": flac.getvalue()[:60],
        "cut.mp3": mp3.getvalue()[:50],
        "no-rate.wav": header(rate=0, size=100, data=bytes(100)),
        "high-rate.wav": header(rate=0xFFFFFFFF, size=100, data=bytes(100)),
        "low-rate.wav": header(rate=1, size=100, data=bytes(100)),
        "no-channels.wav": header(channels=0, size=100, data=bytes(100)),
        "many-channels.wav": header(channels=65535, size=100, data=bytes(100)),
        "no-bits.wav": header(bits=0, size=100, data=bytes(100)),
        "huge-header.wav": header(size=0xFFFFFFFF, data=bytes(100)),
        "silence.wav": wav(np.zeros(4000, np.float32)),
        "one-sample.wav": wav(tone[:1]),
        "two-samples.wav": wav(tone[:2]),
        "sixteen-channels.wav": wav(np.tile(tone[:, None], 16)),
        "not-numbers.wav": wav(np.full(4000, np.nan, np.float32), subtype="FLOAT"),
        "infinite.wav": wav(np.full(4000, np.inf, np.float32), subtype="DOUBLE"),
        "deafening.wav": wav(tone * 1e30, subtype="FLOAT"),
        "whisper.wav": wav(tone * 1e-30, subtype="FLOAT"),
        "one-sided.wav": wav(np.full(4000, 0.9, np.float32)),
        "slow.wav": wav(tone[:200], 100),
        "eleven-minutes.flac": long_flac(),
        "wav-inside.mp3": good,
        "mp3-inside.wav": mp3.getvalue(),
    }  # fmt: skip


def long_flac() -> bytes:
    """Eleven minutes of silence in a few kilobytes."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(11 * 60 * 8000, np.int16), 8000, format="FLAC")
    return buffer.getvalue()


def tables() -> dict[str, bytes]:
    """{file name: content}: what is no table, and tables without a series in them."""
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    days = [f"2024-01-{day:02}" for day in range(1, 29)]
    return {
        "empty.csv": b"",
        "blank.csv": b"\n\n \n",
        "one-cell.csv": b"x",
        "heading.csv": b"date,value\n",
        "one-row.csv": b"date,value\n2024-01-01,1\n",
        "two-rows.csv": b"date,value\n2024-01-01,1\n2024-01-02,2\n",
        "words.csv": b"name,town\n" + b"Ada,London\n" * 30,
        "page.csv": b"<html><body><script>alert(1)</script></body></html>",
        "picture.csv": png(8, 8, rows=bytes(8 * 25)),
        "zeros.csv": bytes(3000),
        "bytes.csv": bytes(range(256)) * 20,
        "cut.xlsx": book.getvalue()[:500],
        "empty.xlsx": book.getvalue(),
        "text.xlsx": b"not a workbook",
        "text.parquet": b"PAR1 not really PAR1",
        "broken.json": b'{"a": [1, 2',
        "list.json": b"[1, 2, 3]",
        "constant.csv": b"date,value\n" + "".join(f"{day},5\n" for day in days).encode(),
        "not-numbers.csv": b"date,value\n" + "".join(f"{day},nan\n" for day in days).encode(),
        "infinite.csv": b"date,value\n" + "".join(f"{day},inf\n" for day in days).encode(),
        "gigantic.csv": b"date,value\n" + "".join(f"{day},1e308\n" for day in days).encode(),
        "gaps.csv": b"date,value\n" + "".join(f"{day},\n" for day in days).encode() + b"2024-02-01,1\n",
        "same-day.csv": b"date,value\n" + b"2024-01-01,3\n" * 40,
        "far-days.csv": b"date,value\n0001-01-01,1\n9999-12-31,2\n" + b"2024-01-01,3\n" * 20,
        "unsorted.csv": b"date,value\n" + "".join(f"{day},{i % 7}\n" for i, day in enumerate(reversed(days))).encode(),
        "ragged.csv": b"a,b\n1\n1,2,3\n1,2,3,4,5\n" * 10,
        "quotes.csv": b'a,b\n"1,2\n3,4\n' * 10,
        "same-names.csv": b"v,v,v\n" + b"1,2,3\n" * 20,
        "wide.csv": b",".join(b"c%d" % i for i in range(400)) + b"\n" + b",".join([b"1"] * 400) + b"\n",
        "formula.csv": b"date,value\n" + b"=cmd|'/c calc'!A1,1\n" * 20,
        "utf-16.csv": "date,value\n2024-01-01,1\n".encode("utf-16"),
        "no-suffix": b"1\n2\n3\n",
    }  # fmt: skip


TEXTS = {
    "empty": "",
    "blanks": " \n\t \u00a0\u2003 \n",
    "100 kB": "word " * 20_000,
    "100 kB without a blank": "x" * 100_000,
    "control characters": "".join(map(chr, range(32))) + "\x7f\x9b31m",
    "null bytes": "a\0b\0",
    "lone surrogates": "a\ud800 b\udfff",
    "not characters": "\uffff\ufffe\U0010ffff",
    "right to left": "مرحبا بالعالم. \u202eevil\u202c שלום",
    "zalgo": "h" + "\u0301\u0316" * 300 + "i",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈🤷🏽‍♀️",
    "HTML": "<img src=x onerror=alert(1)><script>alert('x')</script>",
    "templates": "{{7*7}} ${7*7} {0.__class__} %s %n",
    "shell": "; cat /etc/passwd | `id` $(id)",
    "SQL": "'; DROP TABLE visitors; --",
    "model tokens": "<|im_start|>system\n<|endoftext|><s>[INST]</s><pad>",
    "digits": "9" * 300,
    "punctuation": "?!.,;:…—" * 50,
    "invisible": "\u200b\u200d\ufeff\u2060",
    "one": "é",
    "None": "None",
    "path": "/etc/passwd",
    "lines": "\n" * 3000 + "a",
    "no spaces": "今日はいい天気ですね。" * 30,
}

NUMBERS = {
    "nothing": None, "not a number": float("nan"), "infinity": float("inf"), "minus infinity": float("-inf"),
    "gigantic": 1e308, "more digits than a float": 10**400, "below": -1_000_000, "above": 1_000_000, "tiny": 5e-324,
    "digits": "7", "a word": "seven", "no text": "", "a list": [1], "an object": {"value": 1}, "true": True,
    "fraction": 1.5,
}  # fmt: skip

CHOICES = {
    "nothing": None, "empty": "", "unknown": "SkyNet", "HTML": "<img src=x onerror=alert(1)>", "a number": 3,
    "a list": ["a"], "an object": {"a": 1}, "true": True, "null byte": "\0", "surrogate": "\ud800",
    "long": "x" * 100_000,
}  # fmt: skip

COLOURS = CHOICES | {
    "rgb": "rgb(1,2,3)",
    "rgba": "rgba(300, -1, 0.5, 7)",
    "hex of 5": "#12345",
    "hash": "#",
    "not hex": "#gggggg",
}

# In place of a file, a text, or anything else: what JSON can hold.
WRONG = {
    "nothing": None, "a number": 5, "a text": "cat.jpg", "a list": [], "lists": [[[]]], "an object": {},
    "true": True, "deep": {"a": {"b": [{"c": None}] * 3}},
}  # fmt: skip

FILES = {
    "server file": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    "relative": {"path": "../../../etc/passwd", "meta": {"_type": "gradio.FileData"}},
    "the program": {"path": "app.py", "meta": {"_type": "gradio.FileData"}},
    "no path": {"path": None, "meta": {"_type": "gradio.FileData"}},
    "empty path": {"path": "", "meta": {"_type": "gradio.FileData"}},
    "folder": {"path": "/tmp", "meta": {"_type": "gradio.FileData"}},
    "file address": {"path": "file:///etc/passwd", "meta": {"_type": "gradio.FileData"}},
    "null byte": {"path": "/tmp/\0", "meta": {"_type": "gradio.FileData"}},
    "address": {
        "path": "http://127.0.0.1:1/cat.jpg",
        "url": "http://127.0.0.1:1/cat.jpg",
        "meta": {"_type": "gradio.FileData"},
    },
    "only an address": {"url": "http://169.254.169.254/latest", "meta": {"_type": "gradio.FileData"}},
    "no meta": {"path": "/etc/passwd"},
}
