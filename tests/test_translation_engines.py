"""Networks of the Hub in small: real SentencePiece vocabularies, three sentences learned by heart, the Hub's layout."""

import csv
import json
import pickle
import shutil

import numpy as np
import pytest
import sentencepiece
import torch

from tasks import translation as tr
from tasks import translation_models as tm
from tasks.settings import ROOT, settings
from tasks.translation_engines import OpusPair, Seq2Seq, load_m2m100, load_small100

with (ROOT / "tests/data/translation/everyday.tsv").open(encoding="utf-8") as table:
    PAIRS = list(csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
ENGLISH, PORTUGUESE = zip(*PAIRS, strict=True)


def train_pieces(path, texts) -> sentencepiece.SentencePieceProcessor:
    lines = path.with_suffix(".txt")
    lines.write_text("\n".join(texts), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(lines), model_prefix=str(path.with_suffix("")), vocab_size=200, hard_vocab_limit=False,
        character_coverage=1.0, minloglevel=2,
    )  # fmt: skip
    path.with_suffix(".model").rename(path)
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def learn(net, source_ids, target_ids, start: list[int], pad: int, end: int) -> None:
    """Teach a network three sentences by heart."""
    torch.manual_seed(0)
    x = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in source_ids], True, pad)
    y = torch.nn.utils.rnn.pad_sequence([torch.tensor([*start[1:], *ids, end]) for ids in target_ids], True, pad)
    before = torch.cat([torch.full((len(y), 1), start[0]), y[:, :-1]], 1)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    torch.set_num_threads(1)
    for _ in range(400):
        logits = net(input_ids=x, attention_mask=(x != pad).long(), decoder_input_ids=before).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=pad)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            return
    raise AssertionError(f"not learned: {loss}")


SIZE = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def opus_folder(tmp_path_factory):
    """English to Portuguese as Helsinki-NLP/opus-mt-en-* lies on the Hub: .bin weights, two spm files, vocab.json."""
    from transformers import MarianConfig, MarianMTModel

    folder = tmp_path_factory.mktemp("opus")
    source = train_pieces(folder / "source.spm", ENGLISH)
    target = train_pieces(folder / "target.spm", PORTUGUESE)
    (folder / "source.txt").unlink(), (folder / "target.txt").unlink()
    (folder / "source.vocab").unlink(), (folder / "target.vocab").unlink()
    pieces = ["</s>", "<unk>"]
    for model in (source, target):
        names = [model.id_to_piece(i) for i in range(model.get_piece_size()) if not model.is_control(i)]
        pieces += [name for name in names if name not in pieces]
    vocabulary = {piece: i for i, piece in enumerate([*pieces, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer_config.json").write_text(json.dumps({"source_lang": "eng", "target_lang": "por"}))
    pad = vocabulary["<pad>"]
    config = MarianConfig(
        vocab_size=len(vocabulary), pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad, scale_embedding=True,
        forced_eos_token_id=0, **SIZE,
    )  # fmt: skip
    torch.manual_seed(0)
    net = MarianMTModel(config)
    learn(
        net,
        [[*(vocabulary[p] for p in source.encode(text, out_type=str)), 0] for text in ENGLISH[:3]],
        [[vocabulary[p] for p in target.encode(text, out_type=str)] for text in PORTUGUESE[:3]],
        [pad], pad, 0,
    )  # fmt: skip
    net.generation_config.bad_words_ids = [[pad]]
    net.config.save_pretrained(folder)
    net.generation_config.save_pretrained(folder)
    torch.save(net.state_dict(), folder / "pytorch_model.bin")
    assert {path.name for path in folder.iterdir()} == set(tm.MARIAN_FILES)
    return folder


@pytest.fixture(scope="module")
def opus(opus_folder) -> OpusPair:
    return OpusPair({("en", "pt"): opus_folder})


@pytest.fixture(scope="module")
def m2m_folder(tmp_path_factory):
    """M2M100's layout with a small vocabulary. What follows the pieces names the languages, as in the original."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    folder = tmp_path_factory.mktemp("m2m")
    model = train_pieces(folder / "sentencepiece.bpe.model", ENGLISH + PORTUGUESE)
    (folder / "sentencepiece.bpe.txt").unlink(), (folder / "sentencepiece.bpe.vocab").unlink()
    names = [model.id_to_piece(i) for i in range(3, model.get_piece_size())]
    vocabulary = {piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *names])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "sentencepiece.bpe.model"))
    tokenizer.save_pretrained(folder)
    config = M2M100Config(
        vocab_size=len(vocabulary) + 108, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
        scale_embedding=True, encoder_layerdrop=0.0, decoder_layerdrop=0.0, **SIZE,
    )  # fmt: skip
    torch.manual_seed(0)
    net = M2M100ForConditionalGeneration(config)
    return folder, net, tokenizer


@pytest.fixture(scope="module")
def m2m100(m2m_folder) -> Seq2Seq:
    folder, net, tokenizer = m2m_folder
    en, pt = tokenizer.get_lang_id("en"), tokenizer.get_lang_id("pt")
    source, target = (
        [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts[:3]]
        for texts in (ENGLISH, PORTUGUESE)
    )
    learn(net, [[en, *ids, 2] for ids in source], target, [2, pt], 1, 2)
    net.config.save_pretrained(folder)
    net.generation_config.save_pretrained(folder)
    torch.save(net.state_dict(), folder / "pytorch_model.bin")
    return load_m2m100(folder)


def test_opus_says_what_it_learned(opus):
    assert opus(ENGLISH[:3], "en", "pt") == list(PORTUGUESE[:3])
    assert opus([ENGLISH[1]], "en", "pt") == [PORTUGUESE[1]]


def test_m2m100_says_what_it_learned(m2m100):
    assert m2m100(ENGLISH[:3], "en", "pt") == list(PORTUGUESE[:3])


@pytest.mark.parametrize("name", ["opus", "m2m100"])
def test_look_inside(name, request):
    network = request.getfixturevalue(name)
    inside = network.look(ENGLISH[0], "en", "pt", 4)
    assert inside.weights.shape == (len(inside.target_pieces), len(inside.source_pieces))
    np.testing.assert_allclose(inside.weights.sum(1), 1, rtol=1e-4)
    assert inside.target_pieces[-1] == inside.source_pieces[-1] == "</s>"
    best = inside.candidates[0]
    assert best.text == PORTUGUESE[0] and "".join(best.pieces).replace("▁", " ").strip() == best.text
    assert len(inside.candidates) == 4 and -2 < best.log_probability < 0
    scores = [candidate.score for candidate in inside.candidates]
    assert scores == sorted(scores, reverse=True) and scores[1] < scores[0] - 0.1


@pytest.mark.parametrize("name", ["opus", "m2m100"])
def test_what_it_cannot_spell_is_said(name, request):
    network = request.getfixturevalue(name)
    assert network.spells("sister", "en", "pt")
    assert not any(network.spells(word, "en", "pt") for word in ("😀", "Привет", "</s>", "<pad>"))
    assert name == "opus" or not network.spells("__pt__", "en", "pt")


def test_m2m100_is_told_both_languages_and_small100_the_target(m2m100, m2m_folder):
    folder, _, tokenizer = m2m_folder
    small = load_small100(folder)
    en, pt = tokenizer.get_lang_id("en"), tokenizer.get_lang_id("pt")
    assert m2m100.inputs(["I"], "en", "pt")["input_ids"][0, 0] == en
    assert small.inputs(["I"], "en", "pt")["input_ids"][0, 0] == pt
    assert m2m100.generate(["I"], "en", "pt", 1, 1)[0, :2].tolist() == [2, pt]
    assert small.language(small.languages[1], "en", "pt") == []
    assert isinstance(small(["I am here."], "en", "pt")[0], str)


def test_all_languages_of_the_menus_are_known_to_the_tokenizer(m2m_folder):
    _, _, tokenizer = m2m_folder
    assert set(tm.M2M100.languages) == set(tokenizer.lang_code_to_id) == set(tm.SMALL_100.languages)


def test_a_pickle_that_runs_code_is_refused(opus_folder, tmp_path):
    """The weights-only way: code in a .bin file does not run."""

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    folder = shutil.copytree(opus_folder, tmp_path / "evil")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(pickle.UnpicklingError):
        OpusPair({("en", "pt"): folder})
    assert not (tmp_path / "ran").exists()


def test_a_pair_needs_both_repositories(monkeypatch):
    monkeypatch.setattr(settings, "offline", True)
    pair = next(model for model in tr.TRANSLATORS if model.name == "OPUS-MT English and German")
    assert pair.languages == ("en", "de")
    assert (pair.source.repo, pair.source.needs.repo) == ("Helsinki-NLP/opus-mt-en-de", "Helsinki-NLP/opus-mt-de-en")


def test_choosing_a_model_changes_the_menus():
    source, target = tr.on_model("OPUS-MT English and German", "pt", "pt")
    assert (source["value"], target["value"]) == ("", "de")
    assert target["choices"] == [("English", "en"), ("German", "de")]
    source, target = tr.on_model("SMaLL-100", "de", "pt")
    assert (source["value"], target["value"]) == ("de", "pt") and len(target["choices"]) == 100
