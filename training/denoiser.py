"""Train the denoiser of assets/models/dead-leaves:  python -m training.denoiser [--minutes 60] [--threads 1]"""

import argparse

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio as psnr

from tasks.image_processing_classical import non_local_means
from tasks.restoration_networks import DeadLeaves
from tasks.settings import ASSETS
from training.dead_leaves import crops, fit, in_bytes, photographs, save

CROP, BATCH = 64, 32
STRONGEST = 50  # deviation of the strongest noise, of 255
JPEG = 0.4  # share of the crops that went through a JPEG file after they became noisy


def noisy(clean: torch.Tensor) -> torch.Tensor:
    """The same with noise: white, or grain of up to 0.8 pixels, as after a camera's own processing; some as JPEG."""
    noise = torch.randn_like(clean)
    soft = torch.rand(BATCH) < 0.3
    radius = 2
    at = torch.arange(-radius, radius + 1.0)
    bell = torch.exp(-(at**2) / (2 * (0.35 + 0.45 * torch.rand(BATCH, 1)) ** 2))
    kernel = (bell[:, :, None] * bell[:, None, :])[:, None]
    kernel = kernel / kernel.square().sum((2, 3), keepdim=True).sqrt()
    kernel[~soft] = F.pad(torch.ones(1, 1, 1, 1), [radius] * 4)
    flat = noise.transpose(0, 1).reshape(3, BATCH, *clean.shape[2:])
    noise = F.conv2d(flat, kernel, padding=radius, groups=BATCH).transpose(0, 1)
    grey = (torch.rand(BATCH, 1, 1, 1) < 0.1).float()  # film has one grain for all colours
    noise = torch.lerp(noise, noise[:, :1].expand(-1, 3, -1, -1), grey)
    deviation = torch.rand(BATCH, 1, 1, 1) * STRONGEST / 255
    return in_bytes(clean + noise * deviation, JPEG, 70)


def measure(net: DeadLeaves) -> None:
    """Print PSNR in decibels with noise of deviation 25: before, by the network, by non-local means."""
    pictures = photographs()
    for size in (0, 0.6):
        for name, clean in pictures.items():
            noise = gaussian_filter(np.random.default_rng(0).standard_normal(clean.shape), (size, size, 0))
            before = (clean + 25 * noise / noise.std()).round().clip(0, 255).astype(np.uint8)
            ours = (net((before / 255).astype(np.float32)) * 255).round()
            values = [psnr(clean, result, data_range=255) for result in (before, ours, non_local_means(before))]
            print(f"{name}, grain {size}: " + ", ".join(f"{value:.1f}" for value in values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="of training in all, the earlier calls' too")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    torch.manual_seed(0)
    net = DeadLeaves.build().to(memory_format=torch.channels_last)
    torch.nn.init.zeros_(net[-2].weight)  # in the beginning it takes nothing away

    def loss_of(pictures: torch.Tensor) -> torch.Tensor:
        clean = crops(pictures, BATCH, CROP)
        x = noisy(clean).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            noise = net(x - 0.5)
        return (x - noise.float() - clean).abs().mean()

    target = ASSETS / "models/dead-leaves/model.safetensors"
    save(fit("denoiser", net, loss_of, options.minutes), target)
    measure(DeadLeaves(target.parent))


if __name__ == "__main__":
    main()
