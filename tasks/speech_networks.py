"""Speech networks of the Hub: sound made at once, through a mel spectrogram, or as a language of codes.

- VITS (Kim et al. 2021, https://arxiv.org/abs/2106.06103): phonemes to wave in one network.
- SpeechT5 (Ao et al. 2021, https://arxiv.org/abs/2110.07205): letters to a mel spectrogram; a second network, the
  vocoder HiFi-GAN (Kong et al. 2020, https://arxiv.org/abs/2010.05646), makes the wave.
- Bark (https://github.com/suno-ai/bark): three language models write the codes of a neural codec, EnCodec.

Some of their weights are .bin files, pickles, which transformers opens in torch's weights-only way: no code of theirs
can run.
"""

import json
import re
from pathlib import Path

import numpy as np

from tasks import settings
from tasks.models import Model
from tasks.speech_synthesis import Voice, g2p
from tasks.weights import Hub

SEED = 0  # the same words are said the same way again
BARK_WORDS = 256  # pieces of words that Bark reads, padded to that many

# hibari's phonemes -> eSpeak's, which VITS was trained on: first whole sounds, then single signs.
ESPEAK = (
    ("ɜɹ", "ɜː"), ("(?<![ˈˌ])əɹ(?![ˈˌ]?[aeiouɑɔəɛɪʊʌæAIOWYQ])", "ɚ"), ("ɔɹ", "oːɹ"), ("([iuɑɔ])(?!ː)", r"\1ː"),
    ("(?<=[^ˈˌ])iː(?=$|[ ,.!?;:—])", "i"), ("A", "eɪ"), ("I", "aɪ"), ("O", "oʊ"), ("W", "aʊ"), ("Y", "ɔɪ"),
    ("Q", "əʊ"), ("ʤ", "dʒ"), ("ʧ", "tʃ"), ("T", "ɾ"), ("ᵊ", "ə"),
)  # fmt: skip


def espeak(phonemes: str) -> str:
    """hˈʊd ju -> hˈʊd juː: hibari's (misaki's) phonemes as eSpeak NG would write them, nearly."""
    for pattern, replacement in ESPEAK:
        phonemes = re.sub(pattern, replacement, phonemes)
    return phonemes


def changed(samples: np.ndarray, rate: int, speed: float, pitch: float) -> np.ndarray:
    """Faster and higher by a phase vocoder, for networks that cannot be told to be."""
    import librosa

    if speed != 1:
        samples = librosa.effects.time_stretch(samples, rate=speed)
    return librosa.effects.pitch_shift(samples, sr=rate, n_steps=pitch) if pitch else samples


class Vits:
    """A VITS trained on phonemes, without its tokenizer, which would ask for eSpeak."""

    def __init__(self, folder: Path):
        from transformers import VitsModel

        settings.use_threads()
        self.device = settings.device()
        self.net = VitsModel.from_pretrained(folder).eval().to(self.device)
        self.vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))

    def __call__(self, sentence: str, voice: Voice, speed: float, pitch: float) -> tuple[int, np.ndarray, None]:
        import torch

        signs = [self.vocabulary[sign] for sign in espeak(g2p(british=False)(sentence)) if sign in self.vocabulary]
        ids = torch.zeros(1, 2 * len(signs) + 1, dtype=torch.long, device=self.device)  # a blank around every sign
        ids[0, 1::2] = torch.tensor(signs)
        self.net.speaking_rate = speed
        torch.manual_seed(SEED)
        with torch.inference_mode():
            wave = self.net(ids).waveform[0].float().cpu().numpy()
        return self.net.config.sampling_rate, changed(wave, self.net.config.sampling_rate, 1, pitch), None


class SpeechT5:
    """SpeechT5 and its vocoder. The speaker vector is zero: nobody in particular."""

    def __init__(self, folder: Path, vocoder: Path | None = None):
        from transformers import SpeechT5ForTextToSpeech, SpeechT5HifiGan, SpeechT5Tokenizer

        settings.use_threads()
        self.device = settings.device()
        self.tokenizer = SpeechT5Tokenizer.from_pretrained(folder)
        self.net = SpeechT5ForTextToSpeech.from_pretrained(folder).eval().to(self.device)
        self.vocoder = SpeechT5HifiGan.from_pretrained(vocoder or HIFIGAN.folder()).eval().to(self.device)

    def __call__(self, sentence: str, voice: Voice, speed: float, pitch: float) -> tuple[int, np.ndarray, None]:
        import torch

        ids = self.tokenizer(sentence, return_tensors="pt").input_ids.to(self.device)
        speaker = torch.zeros(1, self.net.config.speaker_embedding_dim, device=self.device)
        with torch.inference_mode():
            mel = self.net.generate_speech(ids, speaker)  # (frames, 80), logarithmic
            wave = self.vocoder(mel).float().cpu().numpy()
        rate = self.vocoder.config.sampling_rate
        return rate, changed(wave, rate, speed, pitch), None


class Bark:
    """Bark. Who speaks is drawn by chance, once for each sentence."""

    def __init__(self, folder: Path):
        from transformers import AutoTokenizer, BarkModel

        settings.use_threads()
        self.device = settings.device()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.net = BarkModel.from_pretrained(folder).eval().to(self.device)

    def __call__(self, sentence: str, voice: Voice, speed: float, pitch: float) -> tuple[int, np.ndarray, None]:
        import torch

        inputs = self.tokenizer(
            sentence, padding="max_length", max_length=BARK_WORDS, truncation=True, add_special_tokens=False,
            return_attention_mask=True, return_token_type_ids=False, return_tensors="pt",
        ).to(self.device)  # fmt: skip
        torch.manual_seed(SEED)
        with torch.inference_mode():
            wave = self.net.generate(**inputs)[0].float().cpu().numpy()
        rate = self.net.generation_config.sample_rate
        return rate, changed(wave, rate, speed, pitch), None


HIFIGAN = Hub("microsoft/speecht5_hifigan", ("config.json", "pytorch_model.bin"))
VITS_LJ = Model(
    name="VITS LJ Speech", load=Vits,
    source=Hub("kakao-enterprise/vits-ljs", ("config.json", "model.safetensors", "vocab.json")),
    family="VITS", parameters=36_300_000, megabytes=145, license="MIT",
    link="https://huggingface.co/kakao-enterprise/vits-ljs",
    note="From phonemes to wave in one network; a public-domain reader's voice.",
)  # fmt: skip
SPEECHT5 = Model(
    name="SpeechT5 + HiFi-GAN", load=SpeechT5,
    source=Hub(
        "microsoft/speecht5_tts",
        ("config.json", "pytorch_model.bin", "spm_char.model", "tokenizer_config.json", "special_tokens_map.json",
         "added_tokens.json"),
        needs=HIFIGAN,
    ),
    family="Transformer, mel, GAN vocoder", parameters=158_000_000, megabytes=636, license="MIT",
    link="https://huggingface.co/microsoft/speecht5_tts",
    note="The classic two steps: a mel spectrogram, then a vocoder.",
)  # fmt: skip
BARK = Model(
    name="Bark small", load=Bark,
    source=Hub(
        "suno/bark-small",
        ("config.json", "generation_config.json", "pytorch_model.bin", "tokenizer.json", "tokenizer_config.json",
         "special_tokens_map.json", "vocab.txt"),
    ),
    family="Language models of audio codes", parameters=410_000_000, megabytes=1690, license="MIT",
    link="https://huggingface.co/suno/bark-small",
    note="Also other languages in Latin letters, laughs and sighs; slow, and it may add what you did not write.",
)  # fmt: skip

VOICES = {
    VITS_LJ: (Voice("Linda", VITS_LJ, "female"),),
    SPEECHT5: (Voice("Nobody in particular", SPEECHT5, accent=""),),
    BARK: (Voice("Drawn by chance", BARK, accent=""),),
}
