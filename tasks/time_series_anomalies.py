"""What is odd in a series: the parts that neither its trend, nor its season, nor a network explains."""

import numpy as np
import pandas as pd

from tasks import models
from tasks.errors import BadInput
from tasks.models import Model
from tasks.time_series_models import CONTEXT, Blend, find_season
from tasks.time_series_table import filled, regular


def usual_season(series: pd.Series) -> int:
    """The season of a regular series, 1 for none."""
    step = None
    if isinstance(series.index, pd.DatetimeIndex) and len(series) > 1:
        step = (series.index[-1] - series.index[0]).total_seconds() / (len(series) - 1)
    return find_season(filled(series), step)


def decompose(series: pd.Series, season: int | None = None) -> pd.DataFrame:
    """Columns trend, season, remainder: a smoothed rolling median, the median of each phase, and what is left."""
    season = usual_season(series) if season is None else season
    values = pd.Series(filled(series), series.index)
    window = min(max(11, season), len(values) // 3) | 1
    # The mean of medians: a rising series is its own rolling median, and would leave no remainder to compare with.
    trend = values.rolling(window, center=True).median().rolling(min(5, window), center=True).mean()
    trend = pd.Series(extended(trend.to_numpy()), series.index)
    rest = (values - trend).to_numpy()
    repeated = np.zeros(len(values))
    if 1 < season <= len(values) // 3:
        phase = np.arange(len(values)) % season
        repeated = pd.Series(rest).groupby(phase).transform("median").to_numpy()
    return pd.DataFrame({"trend": trend, "season": repeated, "remainder": rest - repeated}, index=series.index)


def extended(trend: np.ndarray) -> np.ndarray:
    """Straight on where the window reaches over an end of the series (NaN), as steep as the trend was before."""
    known = np.flatnonzero(~np.isnan(trend))
    first, last = known[0], known[-1]
    reach = max(1, min(len(trend) - len(known), last - first))
    steps = np.arange(len(trend))
    trend = trend.copy()
    if last > first:
        start = (trend[first + reach] - trend[first]) / reach
        end = (trend[last] - trend[last - reach]) / reach
    else:
        start = end = 0.0
    trend[:first] = trend[first] + start * (steps[:first] - first)
    trend[last + 1 :] = trend[last] + end * (steps[last + 1 :] - last)
    return trend


def anomaly_scores(series: pd.Series, model: Model | None = None) -> pd.DataFrame:
    """How odd each value is: columns ds, y, score (robust standard deviations). A missing value has the score 0.

    Args:
        series: as for `regular`.
        model: None for the rolling median; a forecaster to compare each value with what it expected.
    """
    series, _ = regular(series)
    season = usual_season(series)
    values = filled(series)
    if model is None or np.ptp(values) == 0:
        errors = decompose(series, season)["remainder"].to_numpy()
    else:
        with models.use(model) as network:
            # Weighing the blend anew for every block would take a minute, and its network alone says nearly the same.
            errors = surprises(values, network.fracast if isinstance(network, Blend) else network, season)
    scores = np.abs(errors - np.median(errors)) / deviation(errors)
    scores[series.isna().to_numpy()] = 0
    return pd.DataFrame({"ds": series.index, "y": series.to_numpy(), "score": scores})


def deviation(errors: np.ndarray) -> float:
    """A standard deviation that faults do not inflate (from the MAD), or the usual one if most errors are equal."""
    return float(1.4826 * np.median(np.abs(errors - np.median(errors))) or errors.std() or 1.0)


def judge(scores: pd.DataFrame, sensitivity: float) -> pd.DataFrame:
    """Add is_anomaly. 0.5 asks for 6 robust deviations, 0 for 12, 1 for 3."""
    if not 0 <= sensitivity <= 1:
        raise BadInput("The sensitivity goes from 0 to 1.")
    return scores.assign(is_anomaly=scores.score > 12 / 4**sensitivity)


def surprises(values: np.ndarray, network, season: int) -> np.ndarray:
    """(n,): how far each value lies from its forecast, in units of the band; 0 for the values before the last CONTEXT.

    Forecasts are made in blocks from the past, and in reverse from the future; the smaller surprise counts, as a
    change of level surprises only once in each direction.
    """
    seen = values[-CONTEXT:]
    n = len(seen)
    warm = int(min(max(24, 2 * season), n // 3))  # the first values have no past to be judged by
    block = int(np.clip(n // 30, 4, 36))
    starts = range(max(warm, 8), n, block)
    if not starts:
        return np.zeros(len(values))
    both = []
    for direction in (seen, seen[::-1]):
        quantiles = network([direction[:start] for start in starts], block, season)
        error = np.full(n, np.nan)
        for start, q in zip(starts, quantiles, strict=True):
            stop = min(start + block, n)
            error[start:stop] = (direction[start:stop] - q[: stop - start, 4]) / np.maximum(
                q[: stop - start, 8] - q[: stop - start, 0], 1e-9 * np.ptp(seen)
            )
        both.append(error)
    forward, backward = both[0], both[1][::-1]
    smaller = np.where(np.nan_to_num(np.abs(forward), nan=np.inf) <= np.abs(backward), forward, backward)
    smaller = np.where(np.isnan(backward), forward, smaller)
    return np.concatenate([np.zeros(len(values) - n), np.nan_to_num(smaller)])
