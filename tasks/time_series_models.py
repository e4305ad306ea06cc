"""Forecasters with one signature: what `time_series.forecast` calls, whatever the engine.

    forecaster(contexts, horizon, season) -> quantiles
        contexts: B arrays (n,), float64 without NaN, each at least 8 long
        season: steps until the pattern repeats, 1 for none
        quantiles: (B, horizon, 9), sorted, at QUANTILES
    forecaster.max_horizon: as far as its authors vouch for it

Scores: pinball loss and MASE (Hyndman and Koehler 2006), both scaled by the error of the seasonal naive forecast.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks import settings

QUANTILES = np.arange(1, 10) / 10
CONTEXT = 2048  # Fracast reads no more, and the others gain little
BACKTESTS = 4  # how often the blend tries its members on the visitor's own past
# How much the members are trusted before the backtest speaks, from their averages over many series.
TRUST = {"Fracast-0": 1.0, "Theta": 0.7, "Seasonal naive": 0.5}
SHARPNESS = 4.0  # a member twice as wrong in the backtest gets a sixteenth of the weight


# Scores


def seasonal_scale(past: np.ndarray, season: int) -> float:
    """Mean absolute difference to one season before: what the scores are divided by. Never 0."""
    season = season if len(past) > season else 1
    scale = float(np.mean(np.abs(past[season:] - past[:-season])))
    return scale if scale > 0 else max(float(np.abs(past).mean()), 1.0)


def pinball(truth: np.ndarray, quantiles: np.ndarray) -> float:
    """Mean quantile loss of (h, 9) against (h,), doubled so that for a sure forecast it is the absolute error."""
    error = truth[:, None] - quantiles
    return float(np.mean(2 * np.maximum(QUANTILES * error, (QUANTILES - 1) * error)))


def find_season(values: np.ndarray, step_seconds: float | None = None) -> int:
    """Steps until the pattern repeats, 1 for none: the strongest peak of the autocorrelation without the trend.

    Args:
        values: (n,) without NaN.
        step_seconds: time between two values, if known: days, weeks and years are then preferred to a chance peak.
    """
    values = values[-4 * CONTEXT :]
    n = len(values)
    longest = n // 3
    if longest < 2 or np.ptp(values) == 0:
        return 1
    steps = np.arange(n)
    correlation = autocorrelation(values - np.polyval(np.polyfit(steps, values, 1), steps), longest)
    peaks = peaks_of(correlation, 0.2)
    if step_seconds:
        # Of the changes as well, since a level that wanders hides the season in the autocorrelation of the values.
        changes = autocorrelation(np.diff(values), longest)
        for period in (3600, 86_400, 604_800, 31_556_952):
            lag = round(period / step_seconds)
            for measure, lags, share in ((correlation, peaks, 0.8), (changes, peaks_of(changes, 0.3), 0.6)):
                near = any(abs(peak - lag) <= max(1, lag // 50) for peak in lags)
                if near and lag <= longest and measure[lag] > share * max(measure[lags]):
                    return lag
    if not peaks:
        return 1
    # Multiples of a season are peaks as well, some of them higher by chance: the shortest good one is the season.
    return min(lag for lag in peaks if correlation[lag] > 0.85 * max(correlation[peaks]))


def autocorrelation(values: np.ndarray, longest: int) -> np.ndarray:
    """(longest + 1,): correlation of a series with itself, 0, 1, 2 ... steps later."""
    n = len(values)
    spectrum = np.fft.rfft(values - values.mean(), 2 * n)
    products = np.fft.irfft(spectrum * spectrum.conj())[: longest + 1] * n / (n - np.arange(longest + 1))
    return products / max(products[0], 1e-300)


def peaks_of(correlation: np.ndarray, lowest: float) -> list[int]:
    """Lags of 2 and more that correlate better than their neighbours and than `lowest`."""
    before, here, after = correlation[:-2], correlation[1:-1], correlation[2:]
    lags = np.flatnonzero((here > before) & (here >= after) & (here > lowest)) + 1
    return [int(lag) for lag in lags if lag > 1]


# Statistics: the baselines every network must beat


def seasonal_naive(past: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """(horizon, 9): the last season again, with bands from how well that worked so far."""
    season = season if len(past) > season else 1
    steps = np.arange(horizon)
    error = np.sqrt(np.mean((past[season:] - past[:-season]) ** 2))
    spread = error * np.sqrt(steps // season + 1)
    return past[len(past) - season + steps % season][:, None] + _normal()[None] * spread[:, None]


def theta(past: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """(horizon, 9): the Theta method, exponential smoothing with half the trend, seasonally adjusted.

    Assimakopoulos and Nikolopoulos (2000), in the form of Hyndman and Billah (2003).
    """
    past = past[-max(1000, 3 * season) :]
    n = len(past)
    season = season if n >= 2 * season + 2 else 1
    multiplicative = past.min() > 0 and past.max() < 100 * past.min()
    factors = _seasonal_factors(past, season, multiplicative)
    phase, future = np.arange(n) % season, (n + np.arange(horizon)) % season
    adjusted = past / factors[phase] if multiplicative else past - factors[phase]

    rates = np.array([0.02, 0.05, *np.arange(0.1, 1.0, 0.1), 0.99])
    level = np.full(len(rates), adjusted[: max(1, min(10, n // 4))].mean())
    errors = np.empty((n, len(rates)))
    for t, value in enumerate(adjusted):  # every smoothing rate at once
        errors[t] = value - level
        level = level + rates * errors[t]
    warm = min(5, n // 5)
    best = int(np.argmin((errors[warm:] ** 2).sum(0)))
    rate, sigma = rates[best], np.sqrt(np.mean(errors[warm:, best] ** 2))
    slope = np.polyfit(np.arange(n), adjusted, 1)[0]
    steps = np.arange(horizon)
    point = level[best] + 0.5 * slope * (steps + (1 - (1 - rate) ** n) / rate)
    quantiles = point[:, None] + _normal()[None] * (sigma * np.sqrt(1 + steps * rate**2))[:, None]
    return np.sort(quantiles * factors[future][:, None] if multiplicative else quantiles + factors[future][:, None], 1)


def _seasonal_factors(values: np.ndarray, season: int, multiplicative: bool) -> np.ndarray:
    """(season,): the median of each phase, relative to a centred moving average. Neutral without a season."""
    if season == 1:
        return np.ones(1) if multiplicative else np.zeros(1)
    window = np.ones(season) if season % 2 else np.array([0.5, *np.ones(season - 1), 0.5])
    trend = np.convolve(values, window / season, "valid")
    start = (len(values) - len(trend)) // 2
    middle = values[start : start + len(trend)]
    ratio = middle / trend if multiplicative else middle - trend
    phase = (start + np.arange(len(trend))) % season
    neutral = 1.0 if multiplicative else 0.0
    factors = np.array([np.median(ratio[phase == i]) if (phase == i).any() else neutral for i in range(season)])
    return factors / factors.mean() if multiplicative else factors - factors.mean()


def _normal() -> np.ndarray:
    """(9,): quantiles of the standard normal distribution."""
    from scipy.special import ndtri

    return ndtri(QUANTILES)


# Networks


class Fracast:
    """Fracast-0: a dilated causal convolution shared by all stages, steered by the period it finds.

    https://github.com/ztxtech/fracast-0
    """

    max_horizon = 48  # one pass; further steps would be fed its own median, and the bands would be too narrow

    def __init__(self, folder: Path):
        import fracast

        settings.use_threads()
        self.net = fracast.FracastModel.from_pretrained(folder, weights="fp32", device=settings.device())

    def __call__(self, contexts: Sequence[np.ndarray], horizon: int, season: int) -> np.ndarray:
        contexts, center, scale = standardized(contexts)
        rows = np.full((len(contexts), max(map(len, contexts))), np.nan)
        for row, context in zip(rows, contexts, strict=True):
            row[-len(context) :] = context
        with settings.one_thread():
            blocks = [self.net.forecast_batch(rows[i : i + 16], horizon=horizon) for i in range(0, len(rows), 16)]
        return np.sort(np.concatenate(blocks), axis=2) * scale + center


class Blend:
    """Fracast, Theta and seasonal naive, weighted by how well each forecast the last stretches of this very series."""

    max_horizon = Fracast.max_horizon

    def __init__(self, folder: Path):
        self.fracast = Fracast(folder)

    def __call__(self, contexts: Sequence[np.ndarray], horizon: int, season: int) -> np.ndarray:
        return np.stack([self.explain(context, horizon, season)[0] for context in contexts])

    def explain(self, past: np.ndarray, horizon: int, season: int) -> tuple[np.ndarray, dict[str, float]]:
        """Quantiles (horizon, 9) and the weight of each member."""
        cuts = backtest_cuts(len(past), horizon, season)
        networks = self.fracast([*(past[:cut] for cut in cuts), past], horizon, season)
        members = {"Theta": theta, "Seasonal naive": seasonal_naive}
        losses = {name: [] for name in TRUST}
        for cut, network in zip(cuts, networks, strict=False):
            truth = past[cut : cut + horizon]
            scale = seasonal_scale(past[:cut], season)
            losses["Fracast-0"].append(pinball(truth, network) / scale)
            for name, member in members.items():
                losses[name].append(pinball(truth, member(past[:cut], horizon, season)) / scale)
        weights = {
            name: trust / (np.mean(losses[name]) + 1e-6) ** SHARPNESS if cuts else trust
            for name, trust in TRUST.items()
        }
        total = sum(weights.values())
        weights = {name: float(weight / total) for name, weight in weights.items()}
        forecasts = {name: member(past, horizon, season) for name, member in members.items()}
        forecasts["Fracast-0"] = networks[-1]
        return np.sort(sum(weights[name] * forecasts[name] for name in weights), axis=1), weights


class Chronos:
    """Chronos-Bolt and Chronos-2 (Ansari et al. 2024, arXiv:2403.07815; 2025, arXiv:2510.15821)."""

    max_horizon = 64

    def __init__(self, folder: Path):
        from chronos import BaseChronosPipeline

        settings.use_threads()
        self.net = BaseChronosPipeline.from_pretrained(folder, device_map=settings.device())

    def __call__(self, contexts: Sequence[np.ndarray], horizon: int, season: int) -> np.ndarray:
        import torch

        contexts, center, scale = standardized(contexts)
        tensors = [torch.tensor(context, dtype=torch.float32) for context in contexts]
        quantiles, _ = self.net.predict_quantiles(
            tensors, prediction_length=horizon, quantile_levels=[round(float(q), 1) for q in QUANTILES]
        )
        # Bolt answers (B, h, 9), Chronos-2 B times (1, h, 9).
        quantiles = torch.stack([each.reshape(horizon, len(QUANTILES)) for each in quantiles]).float().cpu().numpy()
        return np.sort(quantiles, axis=2) * scale + center


class TimesFm:
    """TimesFM 2.5, a decoder over patches of 32 values (Das et al. 2024, arXiv:2310.10688)."""

    max_horizon = 128

    def __init__(self, folder: Path):
        from transformers import TimesFm2_5ModelForPrediction

        settings.use_threads()
        self.net = TimesFm2_5ModelForPrediction.from_pretrained(folder).eval().to(settings.device())
        self.patch = self.net.config.patch_length

    def __call__(self, contexts: Sequence[np.ndarray], horizon: int, season: int) -> np.ndarray:
        import torch

        contexts, center, scale = standardized(contexts)
        tensors = [torch.tensor(context, dtype=torch.float32, device=self.net.device) for context in contexts]
        with torch.inference_mode():
            # The default context is 16,384 values, mostly padding here; after standardizing, padding is the mean.
            output = self.net(
                tensors,
                forecast_context_len=-(-max(map(len, contexts)) // self.patch) * self.patch,
                truncate_negative=False,
            )
        quantiles = output.full_predictions[:, :horizon, 1:].float().cpu().numpy()  # 0 is the mean
        return np.sort(quantiles, axis=2) * scale + center


def standardized(contexts: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """The last CONTEXT values of each, with mean 0 and deviation 1: float32 then keeps small changes of large values.

    Returns:
        The contexts, and the means and deviations (B, 1, 1) that undo it.
    """
    contexts = [context[-CONTEXT:] for context in contexts]
    center = np.array([context.mean() for context in contexts])
    scale = np.array([context.std() or 1.0 for context in contexts])
    scaled = [(context - c) / s for context, c, s in zip(contexts, center, scale, strict=True)]
    return scaled, center[:, None, None], scale[:, None, None]


def backtest_cuts(n: int, horizon: int, season: int) -> list[int]:
    """Up to BACKTESTS lengths of the past from which the next `horizon` values are known, the latest first."""
    enough = max(24, 2 * season + 2, horizon)
    cuts = [n - horizon * (i + 1) for i in range(BACKTESTS)]
    if sum(cut >= enough for cut in cuts) < 2:  # a short series: the stretches overlap
        enough = max(16, season + 4)
        cuts = [n - horizon - max(1, horizon // 2) * i for i in range(BACKTESTS)]
    return [cut for cut in cuts if cut >= enough]
