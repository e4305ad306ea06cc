"""Translation networks of the Hub: OPUS-MT, one for each direction, and M2M100 and SMaLL-100, one for all languages.

OPUS-MT: Tiedemann and Thottingal 2020, https://aclanthology.org/2020.eamt-1.61. M2M100: Fan et al. 2020,
https://arxiv.org/abs/2010.11125. SMaLL-100: Mohammadshahi et al. 2022, https://arxiv.org/abs/2210.11621.

Their weights are .bin files, pickles, which transformers opens in torch's weights-only way: no code of theirs can run.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks import settings
from tasks.translation_inside import Candidate, Inside

BEAM = 4  # what OPUS-MT and M2M100 were published with, give or take one
LONGEST_FACTOR, LONGEST_EXTRA, LONGEST = 3, 10, 512  # target pieces: so many for each source piece, more, and at most


class Seq2Seq:
    """An encoder and a decoder of transformers with one tokenizer.

    Args:
        folder: as the Hub lays it out.
        languages: where the network wants pieces that name languages: (before the source, before the target), each
            "source", "target" or "" for none.
    """

    at_once = 4  # sentences in a batch: on a processor a few seconds' work, after which Stop is heard

    def __init__(self, folder: Path, languages: tuple[str, str] = ("", "")):
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        settings.use_threads()
        self.device = settings.device()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it recommends a package that straightens quotation marks
            self.tokenizer = AutoTokenizer.from_pretrained(folder)
        # Only the plain implementation of attention hands out its weights.
        self.net = AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager").eval().to(self.device)
        self.languages = languages
        # Pieces that steer the network instead of saying something; those of languages are not always among the first.
        language_ids = getattr(self.tokenizer, "lang_code_to_id", {}).values()
        self.special = {*self.tokenizer.all_special_ids, *language_ids}

    def spells(self, word: str, source: str, target: str) -> bool:
        """Whether the vocabulary has pieces for a word, and it is none that steers the network, such as </s>."""
        return self.special.isdisjoint(self.pieces(word))

    def pieces(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def language(self, place: str, source: str, target: str) -> list[int]:
        """The piece for a place of `languages`, if any."""
        return [self.tokenizer.get_lang_id({"source": source, "target": target}[place])] if place else []

    def inputs(self, sentences: Sequence[str], source: str, target: str) -> dict:
        """input_ids and attention_mask (B, S). Made here, as the tokenizers keep the languages of their last caller."""
        start, end = self.language(self.languages[0], source, target), [self.tokenizer.eos_token_id]
        ids = [[*start, *self.pieces(sentence), *end] for sentence in sentences]
        return self.tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self.device)

    def generate(self, sentences: Sequence[str], source: str, target: str, beam: int, kept: int):
        """(B * kept, T): ids, from the piece that starts the decoder on, the best candidates of each sentence first."""
        import torch

        inputs = self.inputs(sentences, source, target)
        longest = min(LONGEST, inputs["input_ids"].shape[1] * LONGEST_FACTOR + LONGEST_EXTRA)
        forced = self.language(self.languages[1], source, target)
        with torch.inference_mode():
            return self.net.generate(
                **inputs, num_beams=beam, num_return_sequences=kept, do_sample=False, max_new_tokens=longest,
                max_length=None, forced_bos_token_id=forced[0] if forced else None,
            )  # fmt: skip

    def written(self, ids: Sequence[int]) -> list[int]:
        """What of generated ids is text: without start, language, end and padding."""
        return [i for i in ids if i not in self.special]

    def text(self, ids: Sequence[int]) -> str:
        return "".join(self.tokenizer.convert_ids_to_tokens(self.written(ids))).replace("▁", " ").strip()

    def __call__(self, sentences: Sequence[str], source: str, target: str) -> list[str]:
        return [self.text(ids) for ids in self.generate(sentences, source, target, BEAM, 1).tolist()]

    def look(self, sentence: str, source: str, target: str, beam: int) -> Inside:
        """The candidates for a sentence, and the attention of the best: see `attention`."""
        import torch

        found = self.generate([sentence], source, target, max(beam, BEAM), beam)  # (K, T)
        inputs = self.inputs([sentence] * len(found), source, target)
        with torch.inference_mode():
            output = self.net(**inputs, decoder_input_ids=found[:, :-1], output_attentions=True)
        chosen = output.logits.log_softmax(-1).gather(-1, found[:, 1:, None])[..., 0]  # (K, T - 1)
        # The piece after the last of the text is the end; the rest is padding.
        skipped = 1 + len(self.language(self.languages[1], source, target))
        candidates = []
        for ids, steps in zip(found.tolist(), chosen, strict=True):
            written = self.written(ids)
            last = skipped + len(written)
            pieces = tuple(self.tokenizer.convert_ids_to_tokens(written))
            candidates.append(Candidate(pieces, self.text(ids), steps[skipped - 1 : last].sum().item()))
        target_pieces = (*candidates[0].pieces, "</s>")
        weights = self.attention(output.cross_attentions)[0, skipped - 1 : skipped - 1 + len(target_pieces)]
        return Inside(
            tuple(self.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist())),
            target_pieces[: len(weights)],
            weights.float().cpu().numpy(),
            tuple(sorted(candidates, key=lambda candidate: -candidate.score)),
        )

    def attention(self, layers):
        """(K, T, S): the mean of the heads of the last layer but one, which aligns best in networks that nobody taught
        to align (Garg et al. 2019, https://arxiv.org/abs/1909.02074). layers: of (K, H, T, S)."""
        return layers[max(len(layers) - 2, 0)].mean(1)


class OpusMT(Seq2Seq):
    """One direction. The first head of its last layer was taught to align, as in tasks/marian_student.py."""

    def attention(self, layers):
        return layers[-1][:, 0]


class OpusPair:
    """Two networks, one for each direction. folders: {(source, target): folder}."""

    at_once = Seq2Seq.at_once

    def __init__(self, folders: Mapping[tuple[str, str], Path]):
        self.nets = {pair: OpusMT(folder) for pair, folder in folders.items()}
        self.device = settings.device()

    def spells(self, word: str, source: str, target: str) -> bool:
        return self.nets[source, target].spells(word, source, target)

    def __call__(self, sentences: Sequence[str], source: str, target: str) -> list[str]:
        return self.nets[source, target](sentences, source, target)

    def look(self, sentence: str, source: str, target: str, beam: int) -> Inside:
        return self.nets[source, target].look(sentence, source, target, beam)


def load_m2m100(folder: Path) -> Seq2Seq:
    """It is told both languages: the one before the source, the other before the target."""
    return Seq2Seq(folder, ("source", "target"))


def load_small100(folder: Path) -> Seq2Seq:
    """It is told the target language only, before the source, and finds out the other."""
    return Seq2Seq(folder, ("target", ""))
