"""Pictures out of noise, step by step: what both generative tabs share, and the pipelines of the Hub.

Latent diffusion (Rombach 2022, arXiv:2112.10752) with few steps: adversarial distillation (Sauer 2023,
arXiv:2311.17042) and latent consistency (Luo 2023, arXiv:2310.04378). Everything runs through diffusers from
a folder that is there.
"""

import functools
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from tasks import settings
from tasks.errors import BadInput
from tasks.settings import EXAMPLES
from tasks.weights import Hub

SIDE = 512  # pixels of a picture from the Hub's models: what they were distilled at, and what a CPU can bear
OFFLOAD_BELOW = 10e9  # bytes of GPU memory under which the parts of a pipeline take turns on the GPU

HELD_BACK = "The model's safety checker held this picture back. Ask for something else, or change the seed."


@dataclass(frozen=True)
class Step:
    """A picture on its way out of noise.

    index: 0 for pure noise .. total for the finished picture, where image and predicted are the same.
    image, predicted: what the network is given, and what it takes the finished picture to be; of latent diffusion a
        rough colour view, one pixel per latent, until the picture is finished.
    noise: share of the noise in `image`, 0..1 (its standard deviation relative to that of pure noise).
    number: which picture of several, from 0.
    """

    index: int
    total: int
    image: PIL.Image.Image
    predicted: PIL.Image.Image
    noise: float
    number: int = 0

    @property
    def finished(self) -> bool:
        return self.index == self.total


def between(a, b, share: float):
    """A noise between two: spherical interpolation keeps the length that noise has (Shoemake 1985).

    Args:
        a, b: tensors of one shape, standard normal.
        share: 0 (a) to 1 (b).
    """
    import torch

    cosine = (a * b).sum() / (a.norm() * b.norm())
    angle = torch.acos(cosine.clamp(-1, 1))
    if angle < 1e-3:  # the same noise
        return a
    return torch.sin((1 - share) * angle) / torch.sin(angle) * a + torch.sin(share * angle) / torch.sin(angle) * b


def pipeline_hub(repo: str, parts: tuple[str, ...], half: bool, checked: bool = False) -> Hub:
    """The files of a diffusers pipeline: configurations, tokenizers, and the weights of each part as safetensors.

    Args:
        parts: the networks, e.g. ("text_encoder", "unet", "vae").
        half: whether the repository has half-precision files.
        checked: whether it has a safety checker.
    """
    variant = ".fp16" if half else ""
    files = ["model_index.json", "scheduler/scheduler_config.json"]
    for part in parts:
        stem = "model" if part.startswith("text_encoder") else "diffusion_pytorch_model"
        files += [f"{part}/config.json", f"{part}/{stem}{variant}.safetensors"]
        if part.startswith("text_encoder"):
            tokenizer = part.replace("text_encoder", "tokenizer")
            names = ("merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json")
            files += [f"{tokenizer}/{name}" for name in names]
    if checked:
        files += ["feature_extractor/preprocessor_config.json", "safety_checker/config.json"]
        files += [f"safety_checker/model{variant}.safetensors"]
    return Hub(repo, tuple(files))


def from_folder(cls, folder: Path, **parts):
    """A diffusers class from a folder of safetensors, in the precision the device computes in."""
    settings.use_threads()
    half = any(folder.rglob("*.fp16.safetensors"))
    return cls.from_pretrained(
        folder, dtype=settings.dtype(),
        variant="fp16" if half else None, use_safetensors=True, local_files_only=True, **parts,
    )  # fmt: skip


class Pipeline:
    """A diffusers pipeline whose steps can be watched and stopped."""

    def __init__(self, pipe):
        import torch

        self.pipe = pipe
        pipe.set_progress_bar_config(disable=True)
        self.projection = latent_colours(pipe.vae)
        self.seen = None  # timestep, latents and predicted latents of the step under way
        self._watch(pipe.scheduler)
        if settings.device() == "cuda" and torch.cuda.mem_get_info()[1] < OFFLOAD_BELOW:
            pipe.enable_model_cpu_offload()
        else:
            pipe.to(settings.device())
        if settings.device() != "cuda":
            pipe.enable_attention_slicing()

    def _watch(self, scheduler) -> None:
        """Keep what each step of the scheduler is given and predicts: pipelines throw it away."""
        original = scheduler.step
        # Some schedulers add noise to the picture instead of mixing the two: bring their latents to one scale.
        adds = hasattr(scheduler, "sigmas")

        @functools.wraps(original)
        def step(model_output, timestep, sample, *args, return_dict=True, **kwargs):
            output = original(model_output, timestep, sample, *args, return_dict=True, **kwargs)
            predicted = getattr(output, "denoised", None)
            predicted = output.pred_original_sample if predicted is None else predicted
            shrink = scheduler.alphas_cumprod[int(timestep)] ** 0.5 if adds else 1.0
            self.seen = float(timestep), sample * shrink, predicted
            return output if return_dict else (output.prev_sample,)

        scheduler.step = step

    def noise(self, seed: int, side: int = SIDE):
        """The latents of pure noise, (1, C, side / 8, side / 8): the same for the same seed on every device."""
        import torch

        cells = side // self.pipe.vae_scale_factor
        shape = (1, self.pipe.vae.config.latent_channels, cells, cells)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

    def steps(self, seed: int, total: int, **arguments) -> Iterator[Step]:
        """Run the pipeline in a thread and yield its steps, the finished picture last. Closing the iterator stops it.

        Steps are numbered as in `Step`.

        Args:
            seed: for the noise that some schedulers add on the way.
            total: steps asked for; schedulers may take fewer (image to image).
            arguments: what the pipeline takes.

        Raises:
            BadInput: the safety checker objects.
        """
        import torch

        frames: queue.Queue = queue.Queue()
        stopped = threading.Event()

        def on_step(pipe, index, timestep, tensors):
            if stopped.is_set():
                raise InterruptedError
            frames.put((index, *self.seen))
            return tensors

        def work():
            try:
                result = self.pipe(
                    num_inference_steps=total, callback_on_step_end=on_step,
                    generator=torch.Generator().manual_seed(seed), **arguments,
                )  # fmt: skip
                frames.put(result)
            except BaseException as error:  # it belongs to the caller, who waits in another thread
                frames.put(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while isinstance(item := frames.get(), tuple):
                index, timestep, latents, predicted = item
                yield Step(index, total, self.view(latents), self.view(predicted), self.noise_at(timestep))
        finally:
            stopped.set()
            thread.join()
        if isinstance(item, BaseException):
            raise item
        if any(getattr(item, "nsfw_content_detected", None) or ()):
            raise BadInput(HELD_BACK)
        yield Step(total, total, item.images[0], item.images[0], 0.0)

    def noise_at(self, timestep: float) -> float:
        """Share of the noise at a timestep of training, 0..1."""
        return float((1 - self.pipe.scheduler.alphas_cumprod[int(timestep)]) ** 0.5)

    def view(self, latents) -> PIL.Image.Image:
        """Latents (1, C, h, w) as a rough picture of h x w pixels."""
        values = latents[0].float().cpu().numpy().reshape(latents.shape[1], -1)
        rgb = self.projection.T @ np.vstack([values, np.ones_like(values[:1])])  # (3, h * w)
        pixels = (rgb.T.clip(0, 1) * 255).round().astype(np.uint8)
        return PIL.Image.fromarray(pixels.reshape(*latents.shape[-2:], 3))


def latent_colours(vae) -> np.ndarray:
    """(C + 1, 3): the linear map from latents to colours 0..1 that fits an example photo best, constant last.

    Decoding every step would cost more than the step; colours are nearly linear in the latents.
    """
    import torch

    side = 16 * 2 ** (len(vae.config.block_out_channels) - 1)
    photo = PIL.Image.open(EXAMPLES / "collage.jpg").convert("RGB").resize((side, side), PIL.Image.Resampling.LANCZOS)
    pixels = np.asarray(photo, np.float32) / 255
    kind = vae.dtype
    if kind != torch.float32:  # some encoders overflow in half precision
        vae.to(torch.float32)
    with torch.inference_mode():
        x = torch.from_numpy(pixels * 2 - 1).permute(2, 0, 1)[None].to(vae.device)
        latents = vae.encode(x).latent_dist.mean[0].cpu().numpy() * vae.config.scaling_factor
    if kind != torch.float32:
        vae.to(kind)
    cells = latents.shape[-1]
    small = np.asarray(photo.resize((cells, cells), PIL.Image.Resampling.BOX), np.float32).reshape(-1, 3) / 255
    given = np.vstack([latents.reshape(len(latents), -1), np.ones((1, cells * cells), np.float32)]).T
    return np.linalg.lstsq(given, small, rcond=None)[0]


LCM_DREAMSHAPER = pipeline_hub(
    "SimianLuo/LCM_Dreamshaper_v7", ("text_encoder", "unet", "vae"), half=False, checked=True
)
