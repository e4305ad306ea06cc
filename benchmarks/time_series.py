"""The gallery's forecasts and anomalies on public series, beside the engines people would use instead.

    pip install statsmodels
    python -m benchmarks.time_series [forecasts | anomalies | size]     what is promised, measured
    python -m benchmarks time_series                                    the time a forecast takes

Forecasts are made from up to four origins a series, each with a horizon of about one season, and scored by the pinball
loss in units of that of the seasonal naive forecast (below 1 is better). Faults are injected with a seed.
"""

import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import Row, compare
from tasks import time_series
from tasks.settings import EXAMPLES, ROOT, settings
from tasks.time_series_anomalies import decompose
from tasks.time_series_models import QUANTILES, pinball, seasonal_naive, seasonal_scale, theta
from tasks.time_series_table import filled, series_of

ORIGINS = 4
KINDS = ("spike", "spike", "dip", "burst", "level")


def examples() -> dict[str, tuple[pd.Series, int, int]]:
    """{name: (series, season, horizon)} of the series that come with the gallery."""
    facts = {
        "airline-passengers": (12, 12), "carbon-dioxide": (12, 24), "energy-demand": (24, 48), "heartbeat": (100, 48),
        "sensor-faults": (72, 48), "stock-simulated": (1, 20), "sunspots": (11, 12),
    }  # fmt: skip
    return {
        name: (series_of(time_series.read_table(EXAMPLES / f"{name}.csv"))[0], *numbers)
        for name, numbers in facts.items()
    }


def public() -> dict[str, tuple[pd.Series, int, int]]:
    """The same for measured series in the public domain (tests/data/public-series.csv)."""
    facts = {
        "nile": (1, 12), "sea-temperature": (12, 12), "us-realgdp": (4, 8), "us-realinv": (4, 8), "us-unemp": (4, 8),
        "us-infl": (4, 8), "us-m1": (4, 8), "electrical-equipment": (12, 12), "seattle-warmest": (7, 28),
        "seattle-wind": (7, 28), "us-jobs-nonfarm": (12, 12), "us-jobs-construction": (12, 12),
        "us-jobs-retail_trade": (12, 12),
    }  # fmt: skip
    table = time_series.read_table(ROOT / "tests/data/public-series.csv")
    return {name: (series_of(replace(table, chosen=name))[0], *numbers) for name, numbers in facts.items()}


def ets(past: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """(horizon, 9): statsmodels' exponential smoothing, the best of four by AIC."""
    from scipy.special import ndtri
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    past = pd.Series(past[-1000:])
    fits = []
    for trend in (None, "add"):
        for seasonal in (None, "add") if 1 < season <= 24 and len(past) > 2 * season else (None,):
            model = ETSModel(
                past, trend=trend, damped_trend=trend is not None, seasonal=seasonal,
                seasonal_periods=season if seasonal else None,
            )  # fmt: skip
            fits.append(model.fit(disp=False))
    best = min(fits, key=lambda fit: fit.aic)
    prediction = best.get_prediction(len(past), len(past) + horizon - 1)
    median = np.asarray(prediction.predicted_mean)
    lower, upper = np.asarray(prediction.pred_int(alpha=0.2)).T
    deviation = (upper - lower) / (2 * ndtri(0.9))
    return median[:, None] + ndtri(QUANTILES)[None] * deviation[:, None]


METHODS = {
    "Backtested blend": lambda points, horizon, season: quantiles_of(time_series.forecast(points, horizon)),
    "Fracast-0": lambda points, horizon, season: quantiles_of(
        time_series.forecast(points, horizon, time_series.FRACAST)
    ),
    "statsmodels ETS": lambda points, horizon, season: ets(filled(points), horizon, season),
    "Theta": lambda points, horizon, season: theta(filled(points), horizon, season),
}


def quantiles_of(forecast: pd.DataFrame) -> np.ndarray:
    return forecast[[f"q{level * 100:.0f}" for level in QUANTILES]].to_numpy()


def forecasts(series: dict, methods: tuple[str, ...] = tuple(METHODS), origins: int = ORIGINS) -> pd.DataFrame:
    """One row a forecast: loss and naive (both scaled pinball), cover (of the 80 % band), seconds."""
    rows = []
    for name, (points, season, horizon) in series.items():
        values = filled(points)
        for origin in (len(values) - horizon * (i + 1) for i in range(origins)):
            past, truth = values[:origin], values[origin : origin + horizon]
            scale = seasonal_scale(past, season)
            naive = pinball(truth, seasonal_naive(past, horizon, season)) / scale
            for method in methods:
                start = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # statsmodels warns of fits that did not converge
                    answer = METHODS[method](points.iloc[:origin], horizon, season)
                seconds = time.perf_counter() - start
                cover = np.mean((truth >= answer[:, 0]) & (truth <= answer[:, -1]))
                rows.append((name, method, pinball(truth, answer) / scale, naive, cover, seconds))
    return pd.DataFrame(rows, columns=["series", "method", "loss", "naive", "cover", "seconds"])


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Per method: mean and geometric mean over series of loss / naive, mean cover, seconds."""
    means = rows.groupby(["series", "method"])[["loss", "naive", "cover", "seconds"]].mean().reset_index()
    means["relative"] = means.loss / means.naive
    grouped = means.groupby("method")
    return pd.DataFrame(
        {
            "geometric mean": grouped.relative.apply(lambda ratio: np.exp(np.log(ratio).mean())),
            "mean": grouped.relative.mean(),
            "in the 80 % band": grouped.cover.mean(),
            "seconds": grouped.seconds.mean(),
        }
    ).sort_values("geometric mean")


def with_faults(points: pd.Series, seed: int) -> tuple[pd.Series, list[tuple[int, int]]]:
    """A copy with a fault about every 150 values, 6 to 10 robust deviations large, and where they lie [first, end)."""
    rng = np.random.default_rng(seed)
    values, faults = filled(points).copy(), []
    rest = decompose(points)["remainder"]
    steps = np.diff(values)
    unit = 1.4826 * max(np.median(np.abs(part - np.median(part))) for part in (rest, steps))
    n = len(values)
    wanted = max(3, n // 150)
    for first in rng.permutation(np.arange(n // 3 + 5, n - 12)).tolist():
        if len(faults) == wanted:
            break
        if any(abs(first - other) <= 18 for other, _ in faults):
            continue
        kind = rng.choice(KINDS)
        length = {"spike": 1, "dip": 2, "burst": 6, "level": 8}[kind]
        size = rng.uniform(6, 10, length if kind == "burst" else 1) * unit
        sign = -1 if kind == "dip" else rng.choice([-1, 1], len(size))
        values[first : first + length] += sign * size
        faults.append((first, first + length))
    return pd.Series(values, points.index, name=points.name), faults


def found_events(flags: np.ndarray, faults: list[tuple[int, int]], slack: int = 2) -> tuple[int, int, int, int]:
    """Faults found, faults, alarms that are faults, alarms. Flags next to each other are one alarm."""
    joined = np.convolve(flags, np.ones(3), "same") > 0
    edges = np.flatnonzero(np.diff(np.r_[0, joined.astype(int), 0]))
    alarms = list(zip(edges[::2], edges[1::2], strict=True))

    def meets(fault, alarm):
        return alarm[0] - slack < fault[1] and alarm[1] + slack > fault[0]

    return (
        sum(any(meets(fault, alarm) for alarm in alarms) for fault in faults), len(faults),
        sum(any(meets(fault, alarm) for fault in faults) for alarm in alarms), len(alarms),
    )  # fmt: skip


def anomalies(series: dict, model=None) -> pd.DataFrame:
    """One row a series: the counts of `found_events` at the default sensitivity."""
    rows = {}
    for i, (name, (points, _, _)) in enumerate(series.items()):
        if name == "sensor-faults" or len(points) < 100:
            continue  # it has faults of its own
        faulty, faults = with_faults(points.iloc[-600:], seed=i)
        flags = time_series.find_anomalies(faulty, model=model).is_anomaly.to_numpy()
        rows[name] = found_events(flags, faults)
    return pd.DataFrame.from_dict(rows, "index", columns=["found", "faults", "right", "alarms"])


def event_f1(counts: pd.DataFrame) -> float:
    total = counts.sum()
    recall, precision = total.found / total.faults, total.right / max(total.alarms, 1)
    return 2 * recall * precision / max(recall + precision, 1e-9)


def million_rows() -> pd.DataFrame:
    """Seconds to read a table of a million rows, forecast it and score every value."""
    rng = np.random.default_rng(0)
    when = pd.date_range("2022", periods=1_000_000, freq="min")
    values = 20 + 5 * np.sin(2 * np.pi * np.arange(len(when)) / 1440) + rng.normal(size=len(when))
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.csv"
        pd.DataFrame({"time": when, "value": values.round(3)}).to_csv(path, index=False)
        start = time.perf_counter()
        points, _ = series_of(time_series.read_table(path))
        rows["read"] = time.perf_counter() - start
    time_series.forecast(points.iloc[:100], 4)  # loads the model
    start = time.perf_counter()
    time_series.forecast(points, 48)
    rows["forecast"] = time.perf_counter() - start
    start = time.perf_counter()
    time_series.find_anomalies(points)
    rows["score"] = time.perf_counter() - start
    return pd.DataFrame({"seconds": rows | {"together": sum(rows.values())}})


def rows() -> Iterator[Row]:
    points = examples()["airline-passengers"][0]
    yield compare(
        "forecast 24 months, blend beside statsmodels ETS",
        lambda: time_series.forecast(points, 24),
        lambda: ets(filled(points), 24, 12),
        note="the blend backtests itself four times",
    )


def main(what: list[str]) -> None:
    series = examples() | public()
    print(f"{len(series)} series, {settings.threads} threads\n")
    if "forecasts" in what:
        rows = forecasts(series)
        means = rows.groupby(["series", "method"])[["loss", "naive"]].mean()
        print((means.loss / means.naive).unstack().round(2).to_string(), end="\n\n")
        print(summary(rows).round(3).to_string(), end="\n\n")
    if "anomalies" in what:
        for name, model in (("Rolling median", None), ("Fracast-0", time_series.FRACAST)):
            counts = anomalies(series, model)
            print(f"{name}\n{counts.to_string()}\nevent F1 {event_f1(counts):.3f}\n")
    if "size" in what:
        print(f"A million rows\n{million_rows().round(2).to_string()}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["forecasts", "anomalies", "size"])
