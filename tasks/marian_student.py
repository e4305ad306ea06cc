"""Mozilla's tiny translation networks: a Transformer encoder and a decoder made of simple recurrent units.

They run inside Firefox (https://github.com/mozilla/firefox-translations-models, MPL-2.0), each taught by a large Marian
Transformer whose translations it learned to repeat. Decoder: SSRU, Kim et al. 2019, "From research to production and
back: ludicrously fast neural machine translation", https://aclanthology.org/D19-5632.

Shapes: B sentences, K candidates of each, S source pieces, T target pieces, D width, H heads, V pieces of vocabulary.
"""

import math
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tasks import settings
from tasks.translation_inside import Candidate, Inside

END, UNKNOWN = 0, 1  # ids of </s> and <unk>; nothing comes before the first target piece
LONGEST_FACTOR = 2.5  # Marian's max-length-factor: target pieces for each source piece, at most
# Typographic signs the vocabulary lacks.
PLAIN = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "–": "-", "—": "-"})
FLOAT32, INT8 = 0x404, 0x4101  # Marian's type codes


# The network


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)  # (B, L, D) -> (B, H, L, D/H)

    def remember(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values, which stay the same for every piece that is written."""
        return self.split(self.key(x)), self.split(self.value(x))

    def forward(self, x, memory, mask) -> tuple[torch.Tensor, torch.Tensor]:
        """x (B, L, D), mask (B, 1, 1, S) True where there is a piece -> (B, L, D) and the weights (B, H, L, S)."""
        keys, values = memory
        logits = self.split(self.query(x)) @ keys.mT / math.sqrt(keys.shape[-1])
        weights = logits.masked_fill(~mask, -math.inf).softmax(-1)
        return self.out((weights @ values).transpose(-2, -3).flatten(-2)), weights


class SSRU(nn.Module):
    """Simpler Simple Recurrent Unit: a gate decides how much of the cell is kept, and the rest is written anew."""

    def __init__(self, width: int):
        super().__init__()
        self.forget, self.write = nn.Linear(width, width), nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor, cell: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        kept = torch.sigmoid(self.forget(x))
        cell = kept * cell + (1 - kept) * self.write(x)
        return F.relu(cell), cell


class FeedForward(nn.Sequential):
    def __init__(self, width: int, hidden: int):
        super().__init__(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))


class EncoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.attention, self.feed_forward = Attention(width, heads), FeedForward(width, hidden)
        self.norm_attention, self.norm_feed_forward = nn.LayerNorm(width, 1e-9), nn.LayerNorm(width, 1e-9)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.norm_attention(x + self.attention(x, self.attention.remember(x), mask)[0])
        return self.norm_feed_forward(x + self.feed_forward(x))


class DecoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.unit, self.attention, self.feed_forward = SSRU(width), Attention(width, heads), FeedForward(width, hidden)
        self.norm_unit, self.norm_attention, self.norm_feed_forward = (nn.LayerNorm(width, 1e-9) for _ in range(3))

    def forward(self, x, cell, memory, mask) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """One step. x, cell (B, 1, D) -> x, cell, and the weights on the source (B, H, 1, S)."""
        written, cell = self.unit(x, cell)
        x = self.norm_unit(x + written)
        looked, weights = self.attention(x, memory, mask)
        x = self.norm_attention(x + looked)
        return self.norm_feed_forward(x + self.feed_forward(x)), cell, weights


class MarianStudent(nn.Module):
    """6 encoder layers, 2 decoder layers, one table of embeddings for source, target and output."""

    def __init__(self, vocabulary: int, width: int, heads: int, hidden: int, encoder_depth: int, decoder_depth: int):
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width)
        self.encoder = nn.ModuleList(EncoderLayer(width, heads, hidden) for _ in range(encoder_depth))
        self.decoder = nn.ModuleList(DecoderLayer(width, heads, hidden) for _ in range(decoder_depth))
        self.output_bias = nn.Parameter(torch.zeros(vocabulary))

    def positions(self, start: int, length: int) -> torch.Tensor:
        """(length, D): sines, then cosines."""
        half = self.width // 2
        rates = torch.exp(torch.arange(half) * (-math.log(10_000) / (half - 1)))
        angles = torch.arange(start, start + length)[:, None] * rates
        return torch.cat([angles.sin(), angles.cos()], -1)

    def encode(self, ids: torch.Tensor, mask: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """ids (B, S), mask (B, 1, 1, S) -> what each decoder layer remembers of the source."""
        x = self.embedding(ids) * math.sqrt(self.width) + self.positions(0, ids.shape[1])
        for layer in self.encoder:
            x = layer(x, mask)
        return [layer.attention.remember(x) for layer in self.decoder]

    def step(self, ids: torch.Tensor | None, time: int, cells, memory, mask):
        """ids (B,): the pieces written last, None at the start -> logits (B, V), cells, last weights (B, H, S)."""
        if ids is None:
            x = torch.zeros(len(mask), 1, self.width)
        else:
            x = self.embedding(ids)[:, None] * math.sqrt(self.width)
        x, after = x + self.positions(time, 1), []
        for layer, cell, remembered in zip(self.decoder, cells, memory, strict=True):
            x, cell, weights = layer(x, cell, remembered, mask)
            after.append(cell)
        return F.linear(x[:, 0], self.embedding.weight, self.output_bias), after, weights[:, :, 0]

    def cells(self, batch: int) -> list[torch.Tensor]:
        return [torch.zeros(batch, 1, self.width)] * len(self.decoder)

    @torch.inference_mode()
    def search(self, ids: torch.Tensor, mask: torch.Tensor, beam: int) -> list[list[tuple[list[int], float]]]:
        """Beam search: for each sentence `beam` lists of ids with their log probability, in the order of their sums.

        At each step every candidate is continued by every piece, and the best `beam` of all these are kept. A beam of
        1 is greedy search: always the likeliest piece.
        """
        batch, longest = len(ids), int(ids.shape[1] * LONGEST_FACTOR) + 5
        memory = [(k.repeat_interleave(beam, 0), v.repeat_interleave(beam, 0)) for k, v in self.encode(ids, mask)]
        mask, cells, last = mask.repeat_interleave(beam, 0), self.cells(batch * beam), None
        first_rows = torch.arange(batch)[:, None] * beam
        written = torch.zeros(batch * beam, 0, dtype=torch.long)
        sums = torch.full((batch, beam), -math.inf)
        sums[:, 0] = 0  # at the start all candidates are the same: one counts
        done = torch.zeros(batch * beam, dtype=torch.bool)
        for time in range(longest):
            logits, cells, _ = self.step(last, time, cells, memory, mask)
            logits[:, UNKNOWN] = -math.inf
            # Only the best of each candidate can be among the best of all: (B*K, K), of a vocabulary of V.
            best, pieces = logits.topk(beam, -1)
            best = best - logits.logsumexp(-1, keepdim=True)
            best[done], pieces[done] = -math.inf, END
            best[done, 0] = 0  # what has ended stays as it is
            sums, chosen = (sums.view(-1, 1) + best).view(batch, -1).topk(beam, -1)
            rows = (chosen // beam + first_rows).flatten()
            last = pieces.view(batch, -1).gather(1, chosen).flatten()
            written = torch.cat([written[rows], last[:, None]], 1)
            cells = [cell[rows] for cell in cells]
            done = done[rows] | (last == END)
            if done.all():
                break
        found = [ids[: ids.index(END)] if END in ids else ids for ids in written.tolist()]
        found = list(zip(found, sums.flatten().tolist(), strict=True))
        return [found[i : i + beam] for i in range(0, len(found), beam)]

    @torch.inference_mode()
    def align(self, ids: torch.Tensor, mask: torch.Tensor, target: Sequence[int]) -> torch.Tensor:
        """(T, S): the weights of one sentence (1, S) while these pieces are written.

        Of the last layer's first head, which training taught to point at the words a word was translated from ("guided
        alignment", Chen et al. 2016, https://arxiv.org/abs/1607.01628). The other heads look where they please.
        """
        memory, cells, last, rows = self.encode(ids, mask), self.cells(1), None, []
        for time, piece in enumerate(target):
            _, cells, weights = self.step(last, time, cells, memory, mask)
            rows.append(weights[0, 0])
            last = torch.tensor([piece])
        return torch.stack(rows)


# Two directions with their vocabularies


class Students:
    """A network for each direction, as a translation engine. folders: {(source, target): folder}.

    Each folder holds Marian's binary (model.*.bin) and a SentencePiece model (vocab.*.spm).
    """

    at_once = 32  # sentences in a batch

    def __init__(self, folders: Mapping[tuple[str, str], Path]):
        from sentencepiece import SentencePieceProcessor

        settings.use_threads()
        self.nets = {pair: load(next(folder.glob("model.*.bin"))) for pair, folder in folders.items()}
        self.vocabularies = {
            pair: SentencePieceProcessor(model_file=str(next(folder.glob("vocab.*.spm"))))
            for pair, folder in folders.items()
        }
        self.device = "cpu"

    def spells(self, word: str, source: str, target: str) -> bool:
        """Whether the vocabulary has pieces for all of a word's characters."""
        return UNKNOWN not in self.vocabularies[source, target].encode(word.translate(PLAIN))

    def __call__(self, sentences: Sequence[str], source: str, target: str) -> list[str]:
        """Translate a batch, by greedy search, for which the networks were trained."""
        vocabulary = self.vocabularies[source, target]
        with settings.one_thread():
            found = self.nets[source, target].search(*self.batch(sentences, source, target), beam=1)
        return [vocabulary.decode(candidates[0][0]) for candidates in found]

    def look(self, sentence: str, source: str, target: str, beam: int) -> Inside:
        """The candidates for one sentence, and the alignment of its (greedy) translation."""
        net, vocabulary = self.nets[source, target], self.vocabularies[source, target]
        ids, mask = self.batch([sentence], source, target)
        with settings.one_thread():
            ((translation, _),) = net.search(ids, mask, beam=1)[0]
            weights = net.align(ids, mask, [*translation, END])
            candidates = [
                Candidate(tuple(vocabulary.id_to_piece(found)), vocabulary.decode(found), total)
                for found, total in net.search(ids, mask, beam)[0]
            ]
        return Inside(
            tuple(vocabulary.id_to_piece(ids[0].tolist())),
            (*vocabulary.id_to_piece(translation), "</s>"),
            weights.numpy(),
            tuple(sorted(candidates, key=lambda candidate: -candidate.score)),
        )

    def batch(self, sentences: Sequence[str], source: str, target: str) -> tuple[torch.Tensor, torch.Tensor]:
        """ids (B, S) and mask (B, 1, 1, S)."""
        encoded = [
            [*self.vocabularies[source, target].encode(sentence.translate(PLAIN)), END] for sentence in sentences
        ]
        ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in encoded], batch_first=True, padding_value=END)
        lengths = torch.tensor([len(row) for row in encoded])
        return ids, (torch.arange(ids.shape[1]) < lengths[:, None])[:, None, None]


# Marian's file format


def read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The tensors of a Marian binary as float32, and its configuration (YAML).

    A version and a count, a header (length of the name, type, rank, bytes) for each tensor, the names, the shapes,
    padding, then the tensors. 8-bit ones carry the factor they were multiplied with at their end.
    """
    content = path.read_bytes()
    version, count = struct.unpack_from("<QQ", content)
    if version != 1:
        raise ValueError(f"{path.name} is of version {version}, not 1")
    headers = [struct.unpack_from("<QQQQ", content, 16 + 32 * i) for i in range(count)]
    position, names, shapes = 16 + 32 * count, [], []
    for length, *_ in headers:
        names.append(content[position : position + length].rstrip(b"\0").decode())
        position += length
    for _, _, rank, _ in headers:
        shapes.append(struct.unpack_from(f"<{rank}i", content, position))
        position += 4 * rank
    position += 8 + struct.unpack_from("<Q", content, position)[0]
    tensors, configuration = {}, ""
    for name, shape, (_, kind, _, size) in zip(names, shapes, headers, strict=True):
        count = math.prod(shape)
        if name == "special:model.yml":
            configuration = content[position : position + size].rstrip(b"\0").decode()
        elif kind == FLOAT32:
            tensors[name] = np.frombuffer(content, np.float32, count, position).reshape(shape).copy()
        elif kind == INT8:
            (factor,) = struct.unpack_from("<f", content, position + count)
            integers = np.frombuffer(content, np.int8, count, position)
            # Matrices are stored as the processor multiplies them, transposed; embeddings are looked up by row.
            tensors[name] = integers.reshape(shape if name == "Wemb" else shape[::-1]) / np.float32(factor)
            if name != "Wemb":
                tensors[name] = tensors[name].T
        else:
            raise ValueError(f"{path.name}: {name} is of unknown type {kind:#x}")
        position += size
    return tensors, configuration


def load(path: Path) -> MarianStudent:
    """The network in a Marian binary."""
    tensors, configuration = read(path)
    facts = dict(re.findall(r"^([\w-]+): *(.*)$", configuration, re.M))
    if (facts["dec-cell"], facts["transformer-postprocess"]) != ("ssru", "dan"):
        raise ValueError(f"{path.name} is no student with an SSRU decoder: {facts['type']}, {facts['dec-cell']}")
    vocabulary, width = tensors["Wemb"].shape
    heads, hidden = int(facts["transformer-heads"]), int(facts["transformer-dim-ffn"])
    net = MarianStudent(vocabulary, width, heads, hidden, int(facts["enc-depth"]), int(facts["dec-depth"]))
    state = {"embedding.weight": torch.from_numpy(tensors["Wemb"])}
    for ours, theirs in names(len(net.encoder), len(net.decoder)).items():
        tensor = torch.from_numpy(tensors[theirs])
        state[ours] = tensor[0] if len(tensor) == 1 else tensor.T.contiguous()  # a row of biases, or (in, out)
    net.load_state_dict(state)
    return net.eval().requires_grad_(False)


def names(encoder_depth: int, decoder_depth: int) -> dict[str, str]:
    """Our names of the parameters -> Marian's, the embeddings apart."""
    found = {"output_bias": "decoder_ff_logit_out_b"}

    def linear(ours: str, theirs: str, part: str):
        found[f"{ours}.weight"], found[f"{ours}.bias"] = f"{theirs}_W{part}", f"{theirs}_b{part}"

    def norm(ours: str, theirs: str):
        found[f"{ours}.weight"], found[f"{ours}.bias"] = f"{theirs}_ln_scale", f"{theirs}_ln_bias"

    depths = [("encoder", i, "self") for i in range(encoder_depth)] + [
        ("decoder", i, "context") for i in range(decoder_depth)
    ]
    for side, i, attention in depths:
        ours, theirs = f"{side}.{i}", f"{side}_l{i + 1}"
        for name, part in (("query", "q"), ("key", "k"), ("value", "v"), ("out", "o")):
            linear(f"{ours}.attention.{name}", f"{theirs}_{attention}", part)
        norm(f"{ours}.norm_attention", f"{theirs}_{attention}_Wo")
        linear(f"{ours}.feed_forward.0", f"{theirs}_ffn", "1")
        linear(f"{ours}.feed_forward.2", f"{theirs}_ffn", "2")
        norm(f"{ours}.norm_feed_forward", f"{theirs}_ffn_ffn")
        if side == "decoder":
            linear(f"{ours}.unit.forget", f"{theirs}_rnn", "f")
            found[f"{ours}.unit.write.weight"] = f"{theirs}_rnn_W"
            norm(f"{ours}.norm_unit", f"{theirs}_rnn_ffn")
    return found
