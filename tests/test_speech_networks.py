"""The Hub's speech networks load from folders as the Hub lays them out: tiny checkpoints of the same classes speak."""

import json

import numpy as np
import pytest

from tasks import speech_networks as networks
from tasks.errors import ModelUnavailable
from tasks.settings import settings
from tasks.speech_synthesis import g2p, speak

SIGNS = "_;:,.!? abcdefhijklmnoprstuvwzæðŋɐɑɔəɚɛɜɡɪɹɾʃʊʌʒˈˌːθ"


def tiny_vits(folder):
    import transformers

    config = transformers.VitsConfig(
        vocab_size=len(SIGNS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, flow_size=16,
        spectrogram_bins=9, upsample_initial_channel=32, upsample_rates=[8, 8], upsample_kernel_sizes=[16, 16],
        resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]], prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1, duration_predictor_num_flows=2, sampling_rate=22_050,
    )  # fmt: skip
    transformers.VitsModel(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({sign: i for i, sign in enumerate(SIGNS)}))


def tiny_speecht5(folder):
    import sentencepiece
    import transformers

    (folder / "letters.txt").write_text("the old keeper walked along the shore and watched the waves\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "letters.txt"), model_prefix=str(folder / "spm_char"), model_type="char", vocab_size=30,
        hard_vocab_limit=False, minloglevel=2, bos_id=0, pad_id=1, eos_id=2, unk_id=3,
    )  # fmt: skip
    tokenizer = transformers.SpeechT5Tokenizer(str(folder / "spm_char.model"))
    tokenizer.save_pretrained(folder)
    config = transformers.SpeechT5Config(
        vocab_size=len(tokenizer), hidden_size=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, speech_decoder_prenet_units=16,
        speech_decoder_postnet_units=16, speaker_embedding_dim=8, num_mel_bins=80,
    )  # fmt: skip
    transformers.SpeechT5ForTextToSpeech(config).save_pretrained(folder)


def tiny_hifigan(folder):
    import transformers

    config = transformers.SpeechT5HifiGanConfig(
        upsample_initial_channel=16, resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]]
    )
    transformers.SpeechT5HifiGan(config).save_pretrained(folder)


def load_vits(folder):
    tiny_vits(folder)
    assert set(networks.VITS_LJ.source.files) <= {path.name for path in folder.iterdir()}
    return networks.VITS_LJ.load(folder)


def load_speecht5(folder):
    for name, make in (("tts", tiny_speecht5), ("vocoder", tiny_hifigan)):
        (folder / name).mkdir()
        make(folder / name)
    return networks.SpeechT5(folder / "tts", folder / "vocoder")


def load_bark(folder):
    import transformers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "old", "keeper", "."]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    small = {"num_layers": 1, "num_heads": 2, "hidden_size": 16, "block_size": 1024}
    semantic = transformers.BarkSemanticConfig(input_vocab_size=129_600, output_vocab_size=10_048, **small)
    coarse = transformers.BarkCoarseConfig(input_vocab_size=12_096, output_vocab_size=12_096, **small)
    fine = transformers.BarkFineConfig(input_vocab_size=1_056, output_vocab_size=1_056, n_codes_total=8, **small)
    codec = transformers.EncodecConfig(hidden_size=16, num_filters=4, codebook_dim=16, num_lstm_layers=1)
    config = transformers.BarkConfig(
        semantic_config=semantic, coarse_acoustics_config=coarse, fine_acoustics_config=fine, codec_config=codec
    )
    net = transformers.BarkModel(config)
    net.generation_config = transformers.GenerationConfig()
    net.save_pretrained(folder)
    generation = {
        "semantic_config": {"max_new_tokens": 20, "eos_token_id": 10_000, "semantic_vocab_size": 10_000},
        "coarse_acoustics_config": {}, "fine_acoustics_config": {}, "sample_rate": 24_000, "codebook_size": 1024,
    }  # fmt: skip
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return networks.BARK.load(folder)


@pytest.mark.parametrize(
    ("load", "model", "rate"),
    [
        (load_vits, networks.VITS_LJ, 22_050),
        (load_speecht5, networks.SPEECHT5, 16_000),
        (load_bark, networks.BARK, 24_000),
    ],
    ids=["VITS", "SpeechT5", "Bark"],
)
def test_a_tiny_checkpoint_makes_sound(load, model, rate, tmp_path):
    network = load(tmp_path)
    (voice,) = networks.VOICES[model]
    found, samples, prosody = network("The old keeper.", voice, 1.0, 0.0)
    assert found == rate and prosody is None
    assert samples.dtype == np.float32 and samples.ndim == 1 and len(samples) > 256 and np.isfinite(samples).all()
    _, again, _ = network("The old keeper.", voice, 1.0, 0.0)
    assert np.array_equal(samples, again), "the same words sound the same"
    _, slow, _ = network("The old keeper.", voice, 0.5, 3.0)
    assert len(slow) > 1.2 * len(samples)


def test_phonemes_are_written_as_vits_knows_them():
    read = g2p(british=False)
    assert networks.espeak(read("Who would go out there?")) == "hˌuː wʊd ɡˌoʊ ˈaʊt ðˈɛɹ?"
    assert networks.espeak(read("My neighbor's bird is happy.")) == "mˌaɪ nˈeɪbɚz bˈɜːd ɪz hˈæpi."
    assert all(sign not in networks.espeak(read("Join the judge, choose a cat.")) for sign in "AIOWYQʤʧᵊ")


def test_speed_and_pitch_are_changed_after_networks_that_cannot():
    seconds = np.arange(24_000) / 24_000
    hum = np.sin(2 * np.pi * 200 * seconds).astype(np.float32)
    assert len(networks.changed(hum, 24_000, 2.0, 0.0)) == 12_000
    high = networks.changed(hum, 24_000, 1.0, 12.0)
    assert np.abs(np.fft.rfft(high)).argmax() == pytest.approx(400, abs=5) and len(high) == len(hum)


def test_offline_a_hub_voice_says_so(monkeypatch):
    monkeypatch.setattr(settings, "offline", True)
    for (voice,) in networks.VOICES.values():
        with pytest.raises(ModelUnavailable, match="not on this machine"):
            next(speak("Hello.", voice))
