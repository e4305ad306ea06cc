"""Voices of other languages: a folder as the Hub lays it out speaks through the included network.

The Hub's tables are not here: an American voice's table stands in for them, so this Portuguese has an accent.
"""

import re
from dataclasses import replace

import pytest
from safetensors.numpy import load_file

from tasks import speech_languages as languages
from tasks.errors import BadInput, ModelUnavailable
from tasks.settings import settings
from tasks.speech_recognition import transcribe
from tasks.speech_synthesis import KOKORO, KOKORO_VOICES, blend, join, speak
from tasks.voice_matching import word_errors
from tasks.weights import State
from tasks.whisper import BASE
from tests.test_models import Here

DORA, ALEX = languages.VOICES[languages.KOKORO_ABROAD][:2]
SENTENCES = "Bom dia, você dormiu bem? Você pode fechar a janela, por favor? O trem para o aeroporto sai em 15 minutos."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kokoro")
    table = load_file(KOKORO.source.folder() / "voices.safetensors")["af_heart"].astype("<f4")
    for file in languages.KOKORO_ABROAD.source.files:
        (folder / file).parent.mkdir(exist_ok=True)
        table.tofile(folder / file)
    return folder


@pytest.fixture
def downloaded(folder):
    """The model as if its files had come from the Hub."""
    model = replace(languages.KOKORO_ABROAD, source=Here(folder, State.DOWNLOADED))
    return [replace(voice, model=model) for voice in (DORA, ALEX)]


def test_portuguese_is_understood(downloaded):
    speeches = list(speak(SENTENCES, downloaded[0]))
    heard = transcribe(join(speeches), BASE, "pt").text
    said = SENTENCES.replace("15", "quinze")
    plain = [re.sub(r"\b15\b", "quinze", text.lower()) for text in (said, heard)]
    assert word_errors(*map(without_accents, plain)) <= 0.15
    assert "ˈ" in speeches[0].prosody.phonemes


def without_accents(text: str) -> str:
    import unicodedata

    return re.sub(r"[^\x00-\x7f]", "", unicodedata.normalize("NFD", text))


def test_other_letters_get_a_sentence_in_the_name_of_the_language(downloaded):
    with pytest.raises(BadInput, match=r"read Portuguese, .* Write it in Portuguese"):
        next(speak("Привет, мир", downloaded[0]))


def test_voices_are_labelled_and_mixed_within_their_model():
    assert DORA.label == "Dora (Portuguese) · female" and DORA.language == "pt"
    mix = blend([DORA, ALEX], [1, 3])
    assert (
        mix.model is languages.KOKORO_ABROAD and mix.language == "pt" and mix.mix == {"pf_dora": 0.25, "pm_alex": 0.75}
    )
    with pytest.raises(BadInput, match="Only the voices of Kokoro"):
        blend([DORA, KOKORO_VOICES[0]], [1, 1])


def test_without_its_files_the_model_says_so(monkeypatch):
    monkeypatch.setattr(settings, "offline", True)
    with pytest.raises(ModelUnavailable, match="not on this machine"):
        next(speak("Olá.", DORA))
