"""Cloning: a tiny Pocket TTS, laid out as the Hub does, hears a voice and goes on, and only with consent."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from tasks import text_to_speech as tts
from tasks import voice_cloning as cloning
from tasks.errors import BadInput, ModelUnavailable
from tasks.settings import EXAMPLES, settings
from tasks.speech_synthesis import Voice, speak
from tasks.voice_matching import Consent
from tasks.weights import State
from tests.test_models import Here

FILES = cloning.Files("english", "alba")
KENNEDY = EXAMPLES / "kennedy.flac"
STEPS = 12  # 80 ms each: the random network never ends by itself


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights by chance, a tokenizer of letters, a voice, and a configuration like the library's, but small."""
    import pocket_tts
    import safetensors.torch
    import torch
    from pocket_tts import TTSModel
    from pocket_tts.models.model_state import export_model_state
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("pocket")
    for file in (FILES.weights, FILES.tokenizer, FILES.known_voice):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
    letters = {sign: i for i, sign in enumerate("?abcdefghijklmnopqrstuvwxyzH.,!")}
    tokenizer = Tokenizer(models.WordLevel(letters, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(folder / FILES.tokenizer))

    facts = yaml.safe_load((Path(pocket_tts.__file__).parent / "config/english.yaml").read_text())
    flow, mimi = facts["flow_lm"], facts["mimi"]
    flow["flow"] |= {"depth": 1, "dim": 16}
    flow["transformer"] |= {"d_model": 32, "num_heads": 2, "num_layers": 1}
    flow["lookup_table"] |= {"dim": 32, "n_bins": len(letters), "tokenizer_path": str(folder / FILES.tokenizer)}
    mimi["seanet"] |= {"dimension": 32, "n_filters": 4}
    mimi["transformer"] |= {"d_model": 32, "num_heads": 2, "num_layers": 1, "dim_feedforward": 32}
    mimi["transformer"] |= {"input_dimension": 32, "output_dimensions": [32]}
    mimi["quantizer"]["output_dimension"] = mimi["outer_dim"] = 32
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(facts | {"weights_path": None, "weights_path_without_voice_cloning": None}))
    torch.manual_seed(0)
    net = TTSModel.load_model(config=config)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    net.flow_lm.emb_std.fill_(1)
    safetensors.torch.save_file(net.state_dict(), folder / FILES.weights)
    export_model_state(net.get_state_for_audio_prompt(torch.zeros(1, 24_000)), folder / FILES.known_voice)
    return folder


@pytest.fixture(scope="module")
def network(folder):
    network = cloning.PocketTTS(FILES, folder, folder, folder, folder / "config.yaml")
    network.net._estimate_max_gen_len = lambda tokens: STEPS
    return network


@pytest.fixture
def model(network, monkeypatch):
    """A model of the picker whose weights are here."""
    model = replace(cloning.POCKET, source=Here(state=State.DOWNLOADED), load=lambda folder: network)
    voice = Voice("Alba", model)
    monkeypatch.setattr(cloning, "MODELS", (model,))
    monkeypatch.setattr(cloning, "VOICES", {model: (voice,)})
    monkeypatch.setattr(tts, "POCKET", model)
    monkeypatch.setattr(tts, "MODELS", (model,))
    monkeypatch.setattr(tts, "VOICES", {model: (voice,)})
    return model


def test_it_hears_a_voice_and_goes_on_in_it(network):
    known = Voice("Alba", cloning.POCKET)
    rate, samples, _ = network("Hello there.", known, 1, 0)
    assert rate == 24_000 and samples.dtype == np.float32 and np.isfinite(samples).all()
    assert 0 < len(samples) <= STEPS * 1920 and len(samples) % 1920 == 0, "whole steps of 80 ms"
    again = network("Hello there.", known, 1, 0)[1]
    assert np.allclose(samples, again, atol=1e-3), "the same words sound the same"
    hum = np.sin(np.arange(24_000) / 20).astype(np.float32)
    other = Voice("Hum", cloning.POCKET, heard=network.listen(hum))
    different = network("Hello there.", other, 1, 0)[1][: len(samples)]
    assert not np.allclose(samples[: len(different)], different, atol=1e-3), "the voice matters"
    import torch

    assert torch.get_num_threads() == settings.threads, "the library's import has set it to one"


def test_a_clone_is_a_voice_with_its_measured_similarity(model):
    voice = cloning.clone_voice(KENNEDY, model)
    assert voice.model is model and voice.heard and -1 <= voice.similarity <= 1
    with pytest.raises(BadInput, match="too little voice"):
        cloning.clone_voice((24_000, np.zeros(24_000 * 6, np.float32)), model)


def test_nothing_is_cloned_without_consent(model, monkeypatch):
    for arguments, says in (
        ((None, KENNEDY, "I agree."), "no sample"),
        ((KENNEDY, None, "I agree."), "consent is missing"),
    ):
        with pytest.raises(BadInput, match=says):
            list(tts.on_clone(*arguments))
    with pytest.raises(BadInput, match="not recognized"):
        list(tts.on_clone(KENNEDY, KENNEDY, tts.on_ask()[0]))
    monkeypatch.setattr(tts, "check_consent", lambda *recordings: Consent("I agree.", 0.0, 0.9))
    *_, (text, own, name) = tts.on_clone(KENNEDY, KENNEDY, "I agree.", (), "Pocket TTS")
    assert name == "Pocket TTS" and own[0].name == tts.CLONED and "Similarity" in text
    assert tts.on_model(name, own)[0]["value"] == tts.CLONED
    *_, (path, *_) = tts.on_speak("Hello there.", name, tts.CLONED, own=own)
    with open(path, "rb") as file:
        assert b"network Pocket TTS, voice Your clone. Nobody said this." in file.read()
    with pytest.raises(BadInput, match="no voice called 'Your clone'"):
        next(tts.on_speak("Hello there.", name, tts.CLONED))
    assert len(tts.with_own(own, own[0])) == 1


def test_without_weights_cloning_says_what_to_do_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(settings, "offline", True)
    with pytest.raises(ModelUnavailable, match="Cloning needs Pocket TTS, which is not on this machine"):
        list(tts.on_clone(KENNEDY, KENNEDY, "I agree."))
    with pytest.raises(ModelUnavailable, match="not on this machine"):
        next(speak("Hello.", cloning.VOICES[cloning.POCKET][0]))
    monkeypatch.setattr(settings, "offline", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(ModelUnavailable, match=r"press Download \(438 MB\)"):
        cloning.ask_for(cloning.POCKET_PT)


def test_the_files_are_those_the_library_names():
    """The library's own configurations say which revision of which file fits."""
    import pocket_tts
    from pocket_tts.utils.utils import get_predefined_voice

    configs = Path(pocket_tts.__file__).parent / "config"
    for model, files in ((cloning.POCKET, FILES), (cloning.POCKET_PT, cloning.Files("portuguese", "rafael"))):
        facts = yaml.safe_load((configs / f"{files.language}.yaml").read_text())
        hub = model.source
        assert facts["weights_path"] == f"hf://{hub.repo}/{hub.files[0]}@{hub.revision}"
        hub = hub.needs
        assert facts["flow_lm"]["lookup_table"]["tokenizer_path"] == f"hf://{hub.repo}/{hub.files[0]}@{hub.revision}"
        hub = hub.needs
        assert get_predefined_voice(files.language, files.voice) == f"hf://{hub.repo}/{hub.files[0]}@{hub.revision}"
