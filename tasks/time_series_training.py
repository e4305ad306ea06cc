"""Small networks that learn one series while the visitor watches: recurrent, N-HiTS-like, Transformer.

All take a window of the past (B, L) and answer quantiles of the next steps (B, H, 9), as a correction to the seasonal
naive forecast: a few seconds are not enough to learn what copying the last season gives for free.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tasks import settings
from tasks.errors import BadInput
from tasks.time_series_models import QUANTILES, pinball, seasonal_naive, seasonal_scale

ARCHITECTURES = ("LSTM", "GRU", "N-HiTS-like MLP", "Transformer (PatchTST)")
SECONDS = 15.0  # no training takes longer
STEPS = 400
BATCH = 64
LEARNING_RATE = 3e-3
EVERY = 10  # steps between two looks at the held-out stretch
PATIENCE = 10  # looks without a better one before training ends
LONGEST_WINDOW = 320
FEWEST_WINDOWS = 8
WIDTH = 48  # of the hidden layers


@dataclass
class Training:
    """Where a training stands. `forecast` and what follows it are there once it is `done`."""

    architecture: str
    parameters: int
    train_loss: list[float] = field(default_factory=list)  # one a step: pinball loss in units of the window's deviation
    held_out_loss: list[float] = field(default_factory=list)  # one every EVERY steps
    seconds: float = 0.0
    done: bool = False
    forecast: np.ndarray | None = None  # (H, 9), calibrated
    widened: float = 1.0  # by which factor calibration stretched the bands
    skill: float = math.nan  # pinball loss on the held-out end, divided by that of seasonal naive
    importance: np.ndarray | None = None  # (L,), the oldest lag first, sums to 1


def train(
    values: np.ndarray, horizon: int, season: int, architecture: str = "LSTM", seed: int = 0, seconds: float = SECONDS
) -> Iterator[Training]:
    """Train on a series, yielding progress about four times a second and the finished Training last.

    The end of the series is held out: it decides when to stop (early stopping) and how much too narrow the bands are
    (each quantile's distance to the median is stretched until 80 % of the held-out values lie in the 80 % band).
    With the same seed the result is the same, unless the time runs out first.

    Args:
        values: (n,) without NaN.
        horizon: steps to forecast.
        season: 1 for none.
        architecture: one of ARCHITECTURES.

    Raises:
        BadInput: the series is too short to learn from, or constant.
    """
    import torch

    if architecture not in ARCHITECTURES:
        raise BadInput(f"There is no architecture {architecture!r} here. Choose one of: {', '.join(ARCHITECTURES)}.")
    if np.ptp(values) == 0:
        raise BadInput("This series is constant: there is nothing to learn.")
    n, held_out = len(values), max(horizon, len(values) // 6)
    wanted = max(2 * season if season <= 100 else season + 8, 2 * horizon, 24)
    length = min(wanted, LONGEST_WINDOW, n - held_out - horizon - FEWEST_WINDOWS)
    if length < 8:
        needed = 2 * horizon + FEWEST_WINDOWS + 8
        raise BadInput(
            f"{n} values are too few to train a network that looks {horizon} steps ahead: it takes {needed}, "
            "better some hundreds. Choose a shorter horizon or a longer series."
        )
    start = time.monotonic()
    windows = np.lib.stride_tricks.sliding_window_view(values, length + horizon)
    learned, tested = windows[: n - held_out - length - horizon + 1], windows[n - held_out - length - horizon + 1 :]
    learned = learned[np.linspace(0, len(learned) - 1, min(len(learned), 4000)).astype(int)]
    tested = tested[np.linspace(0, len(tested) - 1, min(len(tested), 128)).astype(int)]
    (x, y, _, _), (x_test, y_test, _, _) = scaled(learned, length, season), scaled(tested, length, season)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = network(architecture, length, horizon, season)
    random = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, STEPS, pct_start=0.1)
    recent = torch.linspace(0.5, 1.5, len(x))  # later windows tell more about what comes next
    best, best_weights, shown = math.inf, None, start
    state = Training(architecture, sum(p.numel() for p in net.parameters()))
    for step in range(STEPS):
        with settings.one_thread():
            chosen = torch.multinomial(recent, min(BATCH, len(x)), replacement=True, generator=random)
            noise = 0.03 * torch.randn(x[chosen].shape, generator=random)  # few windows are soon known by heart
            loss = quantile_loss(net(x[chosen] + noise), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            state.train_loss.append(loss.item())
            state.seconds = time.monotonic() - start
            if step % EVERY == EVERY - 1:
                with torch.inference_mode():
                    state.held_out_loss.append(quantile_loss(net(x_test), y_test).item())
                if state.held_out_loss[-1] < best:
                    best = state.held_out_loss[-1]
                    best_weights = {name: tensor.clone() for name, tensor in net.state_dict().items()}
                if np.argmin(state.held_out_loss) < len(state.held_out_loss) - PATIENCE:
                    break
        if time.monotonic() - shown > 0.25:
            yield state
            shown = time.monotonic()
        if state.seconds > seconds:
            break
    if best_weights:
        net.load_state_dict(best_weights)
    finish(state, net, values, tested, season, length, horizon)
    yield state


def finish(state: Training, net, values: np.ndarray, tested: np.ndarray, season: int, length: int, horizon: int):
    """Calibrate on the held-out windows (B, L + H), forecast what follows `values`, ask which lags mattered."""
    import torch

    x, y, _, _ = scaled(tested, length, season)
    with torch.inference_mode():
        answers = np.sort(net(x).numpy(), 2)
    error = y.numpy() - answers[..., 4]
    half = np.where(error > 0, answers[..., 8] - answers[..., 4], answers[..., 4] - answers[..., 0])
    state.widened = float(np.clip(np.quantile(np.abs(error) / np.maximum(half, 1e-6), 0.8), 1.0, 10.0))

    def widen(quantiles: np.ndarray) -> np.ndarray:
        return quantiles[..., 4:5] + (quantiles - quantiles[..., 4:5]) * state.widened

    cut = len(values) - horizon
    for past in (values[:cut], values):
        window = np.concatenate([past[-length:], np.zeros(horizon)])[None]
        last, _, center, scale = scaled(window, length, season)
        with torch.inference_mode():
            quantiles = widen(np.sort(net(last)[0].numpy(), 1)) * scale[0, 0] + center[0, 0]
        if past is not values:
            truth = values[cut:]
            baseline = pinball(truth, seasonal_naive(past, horizon, season))
            state.skill = pinball(truth, quantiles) / max(baseline, 1e-9 * seasonal_scale(past, season))
    state.forecast = quantiles

    x = x.clone().requires_grad_()
    net(x)[..., 4].abs().sum().backward()
    importance = x.grad.abs().mean(0).numpy()
    state.importance = importance / max(importance.sum(), 1e-12)
    state.done = True


def scaled(windows: np.ndarray, length: int, season: int):
    """Windows (B, L + H) as tensors (B, L) and (B, H) relative to each past, and the (B, 1) that undo it."""
    import torch

    past = windows[:, :length]
    center = past[:, -min(length, max(season, 8)) :].mean(1, keepdims=True)
    scale = past.std(1, keepdims=True)
    scale = np.where(scale > 1e-9 * np.abs(center) + 1e-12, scale, 1.0)
    tensors = [
        torch.tensor((part - center) / scale, dtype=torch.float32).clip(-20, 20) for part in (past, windows[:, length:])
    ]
    return *tensors, center, scale


def quantile_loss(answers, truth):
    """Pinball loss of (B, H, 9) against (B, H)."""
    import torch

    levels = torch.tensor(QUANTILES, dtype=torch.float32)
    error = truth[..., None] - answers
    return 2 * torch.maximum(levels * error, (levels - 1) * error).mean()


def network(architecture: str, length: int, horizon: int, season: int):
    """A torch module (B, length) -> (B, horizon, 9)."""
    import torch
    from torch import nn

    class OnNaive(nn.Module):
        """The seasonal naive continuation of the window, weighed by a learned gate, plus what the body says."""

        def __init__(self, body: nn.Module):
            super().__init__()
            self.body = body
            self.gate = nn.Parameter(torch.zeros(()))
            period = season if season <= length else 1
            self.register_buffer("lags", length - period + torch.arange(horizon) % period)

        def forward(self, x):
            naive = x[:, self.lags]  # (B, H)
            return (torch.sigmoid(self.gate) * naive)[..., None] + self.body(x, naive)

    class Recurrent(nn.Module):
        """Reads the window from old to new, a few values at a time, into one state; the last state forecasts.

        LSTM: Hochreiter and Schmidhuber 1997. GRU: Cho et al. 2014, arXiv:1406.1078.
        """

        def __init__(self, cell):
            super().__init__()
            self.size = max(1, length // 48)  # at most ~48 steps back through time
            self.steps = length // self.size
            self.cell = cell(self.size, WIDTH, batch_first=True)
            self.head = head(WIDTH + horizon)

        def forward(self, x, naive):
            states, _ = self.cell(x[:, -self.steps * self.size :].view(-1, self.steps, self.size))
            return self.head(torch.cat([states[:, -1], naive], 1)).view(-1, horizon, len(QUANTILES))

    class Hierarchical(nn.Module):
        """Blocks that see the window pooled coarse to fine; each explains a part and hands on what is left.

        N-HiTS (Challu et al. 2022, arXiv:2201.12886), without its interpolation.
        """

        def __init__(self):
            super().__init__()
            self.pools = [size for size in (8, 4, 1) if length // size >= 4]
            self.blocks = nn.ModuleList(
                head(math.ceil(length / size) + horizon, length + horizon * len(QUANTILES), 2 * WIDTH)
                for size in self.pools
            )

        def forward(self, x, naive):
            total = 0
            for size, block in zip(self.pools, self.blocks, strict=True):
                pooled = nn.functional.avg_pool1d(x[:, None], size, ceil_mode=True)[:, 0]
                answer = block(torch.cat([pooled, naive], 1))
                x, total = x - answer[:, :length], total + answer[:, length:].view(-1, horizon, len(QUANTILES))
            return total

    class Patches(nn.Module):
        """Cuts the window into patches that attend to each other: PatchTST (Nie et al. 2023, arXiv:2211.14730)."""

        def __init__(self):
            super().__init__()
            self.size = max(4, min(16, length // 6))
            self.count = length // self.size
            self.embed = nn.Linear(self.size, WIDTH)
            self.position = nn.Parameter(0.02 * torch.randn(self.count, WIDTH))
            layer = nn.TransformerEncoderLayer(
                WIDTH, 4, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = head(self.count * WIDTH)

        def forward(self, x, naive):
            patches = x[:, -self.count * self.size :].view(-1, self.count, self.size)  # (B, N, P)
            return self.head(self.encoder(self.embed(patches) + self.position).flatten(1)).view(
                -1, horizon, len(QUANTILES)
            )

    def head(inputs: int, outputs: int = horizon * len(QUANTILES), width: int = 2 * WIDTH) -> nn.Sequential:
        layers = nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, outputs))
        nn.init.normal_(layers[-1].weight, std=1e-3)  # the first forecast is the naive one
        return layers

    bodies = {
        "LSTM": lambda: Recurrent(nn.LSTM),
        "GRU": lambda: Recurrent(nn.GRU),
        "N-HiTS-like MLP": Hierarchical,
        "Transformer (PatchTST)": Patches,
    }
    return OnNaive(bodies[architecture]())
