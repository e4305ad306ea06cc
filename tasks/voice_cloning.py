"""A recording's voice continued by a network: cloning. Pocket TTS, which is small enough for a laptop's processor.

Pocket TTS (Kyutai 2026, https://kyutai.org/blog/2026-01-13-pocket-tts) is a language model of sound without codes: a
transformer reads the recording, then the text, and at each step a small network draws the next 80 ms as 32 numbers,
which the decoder of a codec turns into a wave (Continuous Audio Language Models, https://arxiv.org/abs/2509.06926).
Unlike matching, it takes over what no mix of other voices has: timbre, accent, manner, even the room.

Its library fits the published files exactly when its version is the one that names them, so both are pinned.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tasks import models
from tasks.errors import ModelUnavailable
from tasks.inputs import read_audio
from tasks.models import Model, size
from tasks.settings import use_threads
from tasks.speech_networks import SEED, changed
from tasks.speech_synthesis import RATE, Voice
from tasks.spoken_romance import LANGUAGES, spell
from tasks.voice_matching import HELD_OUT, MIN_SECONDS, embed, embed_voice, voice_of
from tasks.weights import Hub, State

PROMPT_SECONDS = 20  # of a recording, at most: what was heard is carried along in every step


@dataclass(frozen=True)
class Files:
    """Where a language of Pocket TTS lies inside its repositories."""

    language: str
    voice: str

    @property
    def weights(self) -> str:
        return f"languages/{self.language}/model.safetensors"

    @property
    def tokenizer(self) -> str:
        return f"languages/{self.language}/tokenizer.json"

    @property
    def known_voice(self) -> str:
        return f"languages/{self.language}/embeddings/{self.voice}.safetensors"


class PocketTTS:
    """Pocket TTS from the folders of its weights, of its tokenizer and of one voice that is no visitor's.

    Args:
        config: a YAML file of the library's form; that of the language where none is given.
    """

    def __init__(self, files: Files, weights: Path, tokenizer: Path, voice: Path, config: Path | None = None):
        import pocket_tts
        import yaml
        from pocket_tts import TTSModel

        config = config or Path(pocket_tts.__file__).parent / "config" / f"{files.language}.yaml"
        facts = yaml.safe_load(config.read_text(encoding="utf-8"))
        facts |= {"weights_path": str(weights / files.weights), "weights_path_without_voice_cloning": None}
        facts["flow_lm"]["lookup_table"]["tokenizer_path"] = str(tokenizer / files.tokenizer)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "config.yaml").write_text(yaml.safe_dump(facts), encoding="utf-8")
            self.net = TTSModel.load_model(config=Path(folder) / "config.yaml")
        use_threads()  # importing the library has set torch to one
        self.known = voice / files.known_voice

    def listen(self, samples: np.ndarray) -> dict:
        """What the network remembers of a voice. samples: float32 (n,) at RATE."""
        import torch

        return self.net.get_state_for_audio_prompt(torch.from_numpy(samples)[None])

    def __call__(self, sentence: str, voice: Voice, speed: float, pitch: float) -> tuple[int, np.ndarray, None]:
        import torch

        state = voice.heard or self.net.get_state_for_audio_prompt(self.known)
        text = spell(sentence, voice.language) if voice.language in LANGUAGES else sentence
        torch.manual_seed(SEED)
        wave = self.net.generate_audio(state, text).float().cpu().numpy()
        return self.net.sample_rate, changed(wave, self.net.sample_rate, speed, pitch), None


def clone_voice(audio, model: Model) -> Voice:
    """The voice of a recording, spoken by Pocket TTS, with the measured similarity to the recording.

    Whether the speaker agrees is not asked here: see `voice_matching.check_consent`.

    Args:
        audio: as `inputs.read_audio` takes it, with at least MIN_SECONDS of one voice; PROMPT_SECONDS are used.
        model: one of MODELS.

    Raises:
        BadInput: no recording, or not enough voice in it.
        ModelUnavailable: the weights are not here.
    """
    target = embed(voice_of(audio, MIN_SECONDS))
    with models.use(model) as network:
        heard = network.listen(read_audio(audio, RATE)[: PROMPT_SECONDS * RATE])
    language = VOICES[model][0].language
    voice = Voice(f"a voice cloned by {model.name}", model, accent="", language=language, heard=heard)
    return replace(voice, similarity=float(target @ embed_voice(voice, HELD_OUT)))


def ask_for(model: Model) -> None:
    """Raise a sentence that says how to get the weights, before a visitor has read anything aloud in vain."""
    if model.source.state() == State.NEEDS_DOWNLOAD:
        raise ModelUnavailable(
            f"Cloning needs {model.name}: choose it as the model and press Download ({size(model.megabytes)})."
        )
    if model.source.state() == State.OFFLINE:
        raise ModelUnavailable(f"Cloning needs {model.name}, which is not on this machine, and the gallery is offline.")


# The models. Revisions as the library's own configurations pin them.


def pocket(name: str, files: Files, weights: str, tokenizer: str, embeddings: str) -> Model:
    open_part = "kyutai/pocket-tts-without-voice-cloning"
    voice = Hub(open_part, (files.known_voice,), revision=embeddings)
    words = Hub(open_part, (files.tokenizer,), revision=tokenizer, needs=voice)
    return Model(
        name=name,
        load=lambda folder: PocketTTS(files, folder, words.folder(), voice.folder()),
        source=Hub("kyutai/pocket-tts", (files.weights,), revision=weights, needs=words),
        family="Language model of continuous sound", parameters=PARAMETERS, megabytes=MEGABYTES, license="CC-BY-4.0",
        link="https://huggingface.co/kyutai/pocket-tts",
        note="By Kyutai; clones a voice. Before the download, its page asks you to log in and to accept its terms.",
    )  # fmt: skip


PARAMETERS, MEGABYTES = 109_502_146, 438
EMBEDDINGS = "a7056f505a4a8ca72d8b5fb1440071d6f1a35739"
POCKET = pocket(
    "Pocket TTS", Files("english", "alba"), "db04f0e653473e5c7333c69686ac92b7460b0c1d",
    "00eac05ed3d16bdc3f6b5d598874019c34a89214", EMBEDDINGS,
)  # fmt: skip
POCKET_PT = pocket(
    "Pocket TTS Portuguese", Files("portuguese", "rafael"), "3e82814a68665eec246ff649b14c71331f955c06",
    "4e1e0a3e611c51c0b4ed8174fc10f32a54644303", EMBEDDINGS,
)  # fmt: skip
MODELS = (POCKET, POCKET_PT)
VOICES = {
    POCKET: (Voice("Alba", POCKET, "female", "Scottish"),),
    POCKET_PT: (Voice("Rafael", POCKET_PT, "male", "Portuguese", language="pt"),),
}
