"""Time series analysis: forecast the trend, find what is odd, train a network live.

Networks: Fracast-0 (https://github.com/ztxtech/fracast-0), alone and in a blend with two classical methods that is
weighed on the visitor's own series; from the Hub Chronos-Bolt, Chronos-2 (Ansari et al. 2024, arXiv:2403.07815) and
TimesFM 2.5 (Das et al. 2024, arXiv:2310.10688). The networks trained on the spot are in time_series_training.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import gradio as gr
import numpy as np
import pandas as pd

from tasks import models
from tasks.errors import BadInput
from tasks.models import Model
from tasks.settings import EXAMPLES
from tasks.task import (
    HEAVY,
    QUIET,
    Run,
    Stop,
    Task,
    duration,
    examples,
    look_inside,
    model_picker,
    result_file,
    status_line,
)
from tasks.time_series_anomalies import anomaly_scores, decompose, judge, usual_season
from tasks.time_series_charts import (
    errors_chart,
    forecast_chart,
    importance_chart,
    in_words,
    loss_chart,
    parts_chart,
)
from tasks.time_series_models import (
    QUANTILES,
    Blend,
    Chronos,
    Fracast,
    TimesFm,
    backtest_cuts,
    pinball,
    seasonal_naive,
    seasonal_scale,
    theta,
)
from tasks.time_series_table import (
    Table,
    curve_of,
    filled,
    parse_text,
    read_table,
    regular,
    series_of,
    step_words,
)
from tasks.time_series_training import ARCHITECTURES, EVERY, STEPS, train
from tasks.weights import Hub, Wheel

SLUG = "time-series"
LONGEST_HORIZON = 128
LONGEST_SEASON = 2000
GUESS, NONE = "guess", "none"
MEDIAN = "Rolling median (statistics)"
NETWORK = "Fracast-0 (network)"

__all__ = ["backtest", "decompose", "find_anomalies", "forecast", "read_table"]


# Models


def fracast(load, **facts) -> Model:
    return Model(
        load=load,
        source=Wheel(
            ("fracast==0.1.0",),
            {
                "fracast/weights/config.json": "1d7d2cf831f51ae2c5c9bf4cb4d8d4a49ec0085d6d55010814a1aae2a777a5dc",
                "fracast/weights/model.safetensors": "0d678f123f3d1f91c5065cca2b5d40eccc469360afc2381b27290486011ded2c",
            },
        ),
        parameters=85_001,
        megabytes=1,
        license="Apache-2.0",
        link="https://pypi.org/project/fracast/",
        **facts,
    )


def hub(repo: str, load, **facts) -> Model:
    return Model(
        load=load,
        source=Hub(repo, ("config.json", "model.safetensors")),
        license="Apache-2.0",
        link=f"https://huggingface.co/{repo}",
        **facts,
    )


DEFAULT = fracast(
    Blend, name="Backtested blend", family="CNN + statistics",
    note="Fracast-0, Theta and seasonal naive, weighted by how well each forecast the last stretches of your series.",
)  # fmt: skip
FRACAST = fracast(
    Fracast, name="Fracast-0", family="causal CNN",
    note="Learned from many other series; has never seen yours (zero-shot).",
)  # fmt: skip
CHRONOS_TINY = hub(
    "amazon/chronos-bolt-tiny", Chronos, name="Chronos-Bolt Tiny", family="Transformer (T5)", parameters=8_650_000,
    megabytes=35, note="A language model's architecture that reads patches of 16 values instead of words.",
)  # fmt: skip
CHRONOS_SMALL = hub(
    "amazon/chronos-bolt-small", Chronos, name="Chronos-Bolt Small", family="Transformer (T5)",
    parameters=47_700_000, megabytes=191, note="The same, five times as large.",
)  # fmt: skip
CHRONOS_2 = hub(
    "amazon/chronos-2", Chronos, name="Chronos-2", family="Transformer", parameters=119_500_000, megabytes=478,
    note="Its successor of 2025, at the top of public forecasting benchmarks when it appeared.",
)  # fmt: skip
TIMESFM = hub(
    "google/timesfm-2.5-200m-transformers", TimesFm, name="TimesFM 2.5", family="Transformer (decoder)",
    parameters=231_000_000, megabytes=925, note="Continues a series as a chatbot continues a text; up to 128 steps.",
)  # fmt: skip
MODELS = (DEFAULT, FRACAST, CHRONOS_TINY, CHRONOS_SMALL, CHRONOS_2, TIMESFM)


# Inference


def forecast(series: pd.Series, horizon: int, model: Model = DEFAULT, season: int | None = None) -> pd.DataFrame:
    """What comes next, with quantiles.

    Args:
        series: numbers over a DatetimeIndex (any order, with gaps and duplicates: see `time_series_table.regular`) or
            any other index, which counts as steps. At least 8 values.
        horizon: steps ahead, 1 to `longest_horizon(series, model)`.
        model: one of MODELS.
        season: steps until the pattern repeats; 1 for none, None to find it.

    Returns:
        One row a step: ds (date or step), y_hat (the median), q10 ... q90, lo-80 and hi-80 (q10 and q90).

    Raises:
        BadInput: too few values, or a horizon beyond what the model or the series bears.
        ModelUnavailable: the weights are not here.
    """
    series, _ = regular(series)
    past = filled(series)
    season = usual_season(series) if season is None else checked_season(season)
    limit = longest_horizon(series, model)
    if not 1 <= horizon <= limit:
        raise BadInput(
            f"{model.name} can honestly forecast 1 to {limit} steps of a series of {len(series):,} values; "
            f"{horizon} were asked for."
        )
    if np.ptp(past) == 0:
        quantiles = np.full((horizon, len(QUANTILES)), past[-1])
    else:
        with models.use(model) as network:
            quantiles = network([past], horizon, season)[0]
    if past.min() >= 0:
        quantiles = quantiles.clip(0)  # nobody expects fewer than no passengers
    return as_frame(series, quantiles)


def as_frame(series: pd.Series, quantiles: np.ndarray) -> pd.DataFrame:
    """The table `forecast` returns, from quantiles (h, 9)."""
    columns = {f"q{level * 100:.0f}": quantiles[:, i] for i, level in enumerate(QUANTILES)}
    ends = {"lo-80": quantiles[:, 0], "hi-80": quantiles[:, -1]}
    return pd.DataFrame({"ds": future(series, len(quantiles)), "y_hat": quantiles[:, 4], **columns, **ends})


def future(series: pd.Series, horizon: int) -> pd.Index:
    """The dates or steps that follow a regular series."""
    if isinstance(series.index, pd.DatetimeIndex):
        return pd.date_range(series.index[-1], periods=horizon + 1, freq=series.index.freq)[1:]
    return pd.RangeIndex(len(series), len(series) + horizon)


def longest_horizon(series: pd.Series, model: Model = DEFAULT) -> int:
    """Steps a forecast may reach: what the model was made for, and at most half as far as the series goes back."""
    return min(model.load.max_horizon, max(1, len(series) // 2))


def checked_season(season: int) -> int:
    if not 1 <= season <= LONGEST_SEASON:
        raise BadInput(f"A season has 1 (none) to {LONGEST_SEASON:,} steps.")
    return int(season)


def find_anomalies(series: pd.Series, sensitivity: float = 0.5, model: Model | None = None) -> pd.DataFrame:
    """Values that do not fit the rest.

    Args:
        series: as for `forecast`.
        sensitivity: 0 (only the grossest) to 1 (much that is harmless too).
        model: None for the rolling median, which needs no network; one of MODELS to compare each value with what that
            network expected from the values before it, and from those after it in reverse.

    Returns:
        One row a value: ds, y, score (0 and up, in robust standard deviations), is_anomaly.

    Raises:
        BadInput: too few values, or a sensitivity outside 0..1.
        ModelUnavailable: the weights are not here.
    """
    return judge(anomaly_scores(series, model), sensitivity)


# Look inside


@dataclass(frozen=True)
class Backtest:
    """How well methods would have forecast the end of a series, had they not known it."""

    scores: pd.DataFrame  # one row a method: MASE, pinball loss, how much of the truth the 80 % band held
    errors: np.ndarray  # (cuts, horizon): of the model's median, in seasonal naive errors
    weights: dict[str, float]  # of the blend's members; empty for other models


def backtest(series: pd.Series, horizon: int, model: Model = DEFAULT, season: int | None = None) -> Backtest:
    """Forecast up to four past stretches with the model and the baselines, each knowing only what came before.

    Raises:
        BadInput: the series is too short to hide a part of it.
        ModelUnavailable: the weights are not here.
    """
    series, _ = regular(series)
    past = filled(series)
    season = usual_season(series) if season is None else checked_season(season)
    cuts = backtest_cuts(len(past), horizon, season)
    if not cuts:
        raise BadInput("This series is too short to hide a part of it: choose a shorter horizon.")
    weights = {}
    with models.use(model) as network:
        forecasts = {model.name: network([past[:cut] for cut in cuts], horizon, season)}
        if isinstance(network, Blend):
            weights = network.explain(past, horizon, season)[1]
            forecasts["Fracast-0"] = network.fracast([past[:cut] for cut in cuts], horizon, season)
    for name, method in (("Theta", theta), ("Seasonal naive", seasonal_naive)):
        forecasts[name] = np.stack([method(past[:cut], horizon, season) for cut in cuts])
    truth = np.stack([past[cut : cut + horizon] for cut in cuts])
    scale = np.array([seasonal_scale(past[:cut], season) for cut in cuts])
    rows = []
    for name, quantiles in forecasts.items():
        losses = [pinball(true, q) / unit for true, q, unit in zip(truth, quantiles, scale, strict=True)]
        inside = (truth >= quantiles[..., 0]) & (truth <= quantiles[..., 8])
        mase = np.mean(np.abs(truth - quantiles[..., 4]) / scale[:, None])
        rows.append({"method": name, "MASE": mase, "pinball loss": np.mean(losses), "in the 80 % band": inside.mean()})
    errors = (truth - forecasts[model.name][..., 4]) / scale[:, None]
    return Backtest(pd.DataFrame(rows), errors, weights)


# Tab


@dataclass(frozen=True)
class Seen:
    """What the last run left, so that the sensitivity and the look inside need not read and score again."""

    series: pd.Series
    season: int
    horizon: int
    forecast: pd.DataFrame
    scores: pd.DataFrame


def build() -> None:
    example = read_table(EXAMPLES / "airline-passengers.csv")
    seen = gr.State()
    with gr.Row():
        with gr.Column(scale=2):
            file = gr.File(
                str(EXAMPLES / "airline-passengers.csv"), label="Table: CSV, TSV, XLSX or Parquet", height=110,
                file_types=[".csv", ".tsv", ".txt", ".xlsx", ".parquet"], elem_id=f"{SLUG}-file",
            )  # fmt: skip
            read = gr.Markdown(said_of(example), elem_id=f"{SLUG}-read", elem_classes="status")
            which = gr.Dropdown(
                [], label="Which series", visible=False, allow_custom_value=True, elem_id=f"{SLUG}-which"
            )
            with gr.Accordion("Paste numbers, or draw a curve", open=False, elem_id=f"{SLUG}-other-input"):
                text = gr.Textbox(
                    label="Numbers, or a table", lines=3, max_length=200_000, elem_id=f"{SLUG}-text",
                    placeholder="12, 15, 14, 18, 21 …",
                )  # fmt: skip
                use_text = gr.Button("Use these numbers", size="sm", elem_id=f"{SLUG}-use-text")
                paper = np.full((240, 600, 3), 255, np.uint8)  # an empty sketchpad would come without a brush
                drawing = gr.Sketchpad(
                    {"background": paper, "layers": [], "composite": paper}, label="A curve, from left to right",
                    canvas_size=(600, 240), height=300, type="numpy",
                    brush=gr.Brush(default_size=4, colors=["#0d9488"]), layers=False, elem_id=f"{SLUG}-drawing",
                )  # fmt: skip
                use_drawing = gr.Button("Use this curve", size="sm", elem_id=f"{SLUG}-use-drawing")
            picker = model_picker(SLUG, MODELS)
            horizon = gr.Slider(1, LONGEST_HORIZON, 24, step=1, label="Horizon: steps ahead", elem_id=f"{SLUG}-horizon")
            with gr.Accordion("Columns, season, detector", open=False, elem_id=f"{SLUG}-options"):
                with gr.Row():
                    date, value, group = (
                        gr.Dropdown(
                            column_choices(example, part), value=GUESS, label=f"{part} column", min_width=110,
                            allow_custom_value=True, elem_id=f"{SLUG}-{part.lower()}",
                        )
                        for part in ("Date", "Value", "Series")
                    )  # fmt: skip
                season = gr.Number(
                    0, label="Season: steps until the pattern repeats (0: find it)", precision=0, minimum=0,
                    maximum=LONGEST_SEASON, elem_id=f"{SLUG}-season",
                )  # fmt: skip
                detector = gr.Radio(
                    [MEDIAN, NETWORK], value=MEDIAN, label="Odd points: compared with", elem_id=f"{SLUG}-detector"
                )
            with gr.Row():
                run = gr.Button("Forecast", variant="primary", elem_id=f"{SLUG}-run")
                stop = gr.Button("Stop", elem_id=f"{SLUG}-stop")
        with gr.Column(scale=3):
            chart = gr.Plot(label="Past and forecast", elem_id=f"{SLUG}-chart")
            words = gr.Markdown(elem_id=f"{SLUG}-words")
            status = status_line(SLUG)
            sensitivity = gr.Slider(
                0, 1, 0.5, step=0.05, label="Sensitivity to odd points", elem_id=f"{SLUG}-sensitivity"
            )
            with gr.Accordion("Tables", open=False, elem_id=f"{SLUG}-tables"):
                table = gr.Dataframe(label="Forecast", max_height=260, interactive=False, elem_id=f"{SLUG}-forecast")
                odd = gr.Dataframe(label="Odd points", max_height=260, interactive=False, elem_id=f"{SLUG}-odd")
            with gr.Row():
                save = gr.DownloadButton("Forecast as CSV", size="sm", visible=False, elem_id=f"{SLUG}-download")
                save_odd = gr.DownloadButton("Odd points as CSV", size="sm", visible=False, elem_id=f"{SLUG}-save-odd")
            with look_inside(SLUG) as inside:
                look = gr.Button("Test the forecast on the past", elem_id=f"{SLUG}-look")
                how = gr.Markdown(elem_id=f"{SLUG}-how")
                scores = gr.Dataframe(label="Backtest", interactive=False, elem_id=f"{SLUG}-backtest")
                errors = gr.Plot(label="Errors of the median, by steps ahead", elem_id=f"{SLUG}-errors")
                parts = gr.Plot(label="Trend, season and remainder", elem_id=f"{SLUG}-parts")
    build_training(file, [date, value, group, which], horizon, season)
    examples(
        SLUG,
        ["airline-passengers.csv", "heartbeat.csv", "energy-demand.csv", "sunspots.csv", "carbon-dioxide.csv",
         "stock-simulated.csv", "sensor-faults.csv"],
        [file],
    )  # fmt: skip

    columns = [date, value, group, which]
    file.change(on_file, file, [*columns, read], **QUIET)
    gr.on([each.input for each in columns], on_columns, [file, *columns], [which, read], **QUIET)
    use_text.click(on_text, text, file, **QUIET)
    use_drawing.click(on_drawing, drawing, file, **QUIET)
    run.click(
        Stop(stop, status).guard(on_forecast),
        [file, picker, horizon, date, value, group, which, season, detector, sensitivity],
        [chart, words, table, odd, save, save_odd, status, seen], api_name="time_series", **HEAVY,
    )  # fmt: skip
    sensitivity.change(
        on_sensitivity, [seen, sensitivity], [chart, words, odd, save_odd], trigger_mode="always_last", **QUIET
    )
    gr.on(
        [look.click, inside.expand], on_inside, [seen, picker], [how, scores, errors, parts],
        api_visibility="private", **HEAVY,
    )  # fmt: skip


def build_training(file, columns: list, horizon, season) -> None:
    """The section that trains a network on the visitor's series."""
    with gr.Accordion("Train a network on this series, here and now", open=False, elem_id=f"{SLUG}-training"):
        gr.Markdown(
            "It starts with random weights and sees nothing but your series. The end of the series is held out: "
            "when the forecast of it stops getting better, training stops."
        )
        with gr.Row():
            architecture = gr.Radio(
                list(ARCHITECTURES), value="LSTM", label="Architecture", elem_id=f"{SLUG}-architecture", scale=3
            )
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**31, elem_id=f"{SLUG}-seed", scale=1)
        with gr.Row():
            start = gr.Button("Train", variant="primary", elem_id=f"{SLUG}-train")
            stop = gr.Button("Stop", elem_id=f"{SLUG}-stop-training")
        progress = gr.Markdown(elem_id=f"{SLUG}-training-words")
        with gr.Row():
            losses = gr.Plot(label="Loss while it learns", elem_id=f"{SLUG}-loss")
            importance = gr.Plot(label="Which past values move the forecast", elem_id=f"{SLUG}-importance")
        chart = gr.Plot(label="Forecast of the network trained here", elem_id=f"{SLUG}-trained")
    start.click(
        Stop(stop, progress).guard(on_train),
        [file, *columns, horizon, season, architecture, seed], [losses, progress, chart, importance],
        api_visibility="private", show_progress="minimal", **HEAVY,
    )  # fmt: skip


def table_of(file: str | None, date: str, value: str, group: str, which: str | None) -> Table:
    """The table of a file with the visitor's corrections of what its columns are."""
    table = read_table(file)
    for part, column in (("date", date), ("value", value), ("series", group)):
        if column in (GUESS, "", None):
            continue
        if column != NONE and column not in table.frame.columns:
            listed = ", ".join(table.frame.columns[:12])
            raise BadInput(f"This table has no column “{column}”. Its columns: {listed}.")
        if part == "value" and column == NONE:
            raise BadInput("A forecast needs a value column: choose one.")
        table = replace(table, **{part: None if column == NONE else column})
    return replace(table, chosen=which or None)


def column_choices(table: Table, part: str) -> list[str]:
    """What a visitor may choose as the date, value or series column."""
    return [GUESS, *(table.numeric if part == "Value" else [NONE, *table.frame.columns[:100]])]


def said_of(table: Table) -> str:
    """What was understood of a table: its columns, its length, and what had to be done."""
    try:
        series, notes = series_of(table)
    except BadInput as error:
        return str(error)
    rhythm = f", one per {step_words(series)}" if isinstance(series.index, pd.DatetimeIndex) else ""
    columns = f"date “{table.date}”, value “{table.value}”" if table.date else f"value “{table.value}”"
    return " ".join([f"{len(series):,} values{rhythm}: {columns}.", *notes])


def on_file(file: str | None):
    """Offer the columns of a new table, and say what was understood."""
    if not file:
        return gr.skip(), gr.skip(), gr.skip(), gr.update(visible=False, value=None), "No table yet."
    table = read_table(file)
    choices = [gr.update(choices=column_choices(table, part), value=GUESS) for part in ("Date", "Value", "Series")]
    return *choices, names_of(table, None), said_of(table)


def on_columns(file: str | None, date: str, value: str, group: str, which: str | None):
    """Say what was understood after a correction."""
    table = table_of(file, date, value, group, which)
    return names_of(table, which), said_of(table)


def names_of(table: Table, which: str | None):
    """The dropdown of a long table's series; hidden for other tables."""
    names = table.names
    return gr.update(visible=bool(names), choices=names, value=which if which in names else (names or [None])[0])


def on_text(text: str) -> str:
    """Pasted numbers as a file, so that there is one way in."""
    table = parse_text(text)
    return saved(table.frame, "pasted")


def on_drawing(drawing: dict | None) -> str:
    """A drawn curve as a file."""
    return saved(pd.DataFrame({"value": curve_of(drawing)}), "drawn")


def on_forecast(
    file: str | None, model_name: str, horizon: int, date: str = GUESS, value: str = GUESS, series: str = GUESS,
    which: str | None = None, season: int = 0, detector: str = MEDIAN, sensitivity: float = 0.5,
) -> Iterator[tuple]:  # fmt: skip
    """Forecast a time series and mark what is odd in it.

    Args:
        file: a table: CSV, TSV, XLSX or Parquet, at most 20 MB.
        model_name: a model of the picker, e.g. "Backtested blend".
        horizon: how many steps to forecast, 1 to 128; shortened to what the model and the series bear.
        date: the column of dates; "guess", or "none" to number the rows.
        value: the column to forecast; "guess" for the first that fits.
        series: the column that names the series of a long table; "guess" or "none".
        which: the one series of a long table to forecast; empty for the first.
        season: steps until the pattern repeats; 0 to find it, 1 for none.
        detector: "Rolling median (statistics)" or "Fracast-0 (network)".
        sensitivity: how readily a point counts as odd, 0 to 1.

    Returns:
        A chart, the same in words, the forecast with quantiles, the odd points, both as CSV files, and a line that says
        which model ran, where and how long.
    """
    points, notes = series_of(table_of(file, date, value, series, which))
    run = Run(models.find(MODELS, model_name))
    season = usual_season(points) if not season else checked_season(season)
    steps = min(int(horizon), longest_horizon(points, run.model))
    if steps < horizon:
        notes.append(f"Shortened to {steps} steps: what lies further ahead would be a guess.")
    predicted = forecast(points, steps, run.model, season)
    found = f"season of {season} steps" if season > 1 else "no season"
    status = run.status(found) + ("<br>" + " ".join(notes) if notes else "")
    shown = rounded(predicted)
    file_name = saved(predicted, "forecast")
    yield (
        forecast_chart(points, predicted), in_words(points, predicted, season), shown, gr.skip(),
        gr.update(visible=True, value=file_name), gr.skip(), status, gr.skip(),
    )  # fmt: skip
    scores = anomaly_scores(points, None if detector == MEDIAN else FRACAST)
    seen = Seen(points, season, steps, predicted, scores)
    chart, words, odd, save_odd = on_sensitivity(seen, sensitivity)
    yield chart, words, gr.skip(), odd, gr.skip(), save_odd, status, seen


def on_sensitivity(seen: Seen | None, sensitivity: float):
    """Judge the scores anew: nothing is computed again."""
    if seen is None:
        return gr.skip(), gr.skip(), gr.skip(), gr.skip()
    judged = judge(seen.scores, sensitivity)
    odd = judged[judged.is_anomaly].drop(columns="is_anomaly")
    return (
        forecast_chart(seen.series, seen.forecast, odd),
        in_words(seen.series, seen.forecast, seen.season, odd),
        rounded(odd.sort_values("score", ascending=False).head(200)),
        gr.update(visible=True, value=saved(judged, "odd-points")),
    )


def on_inside(seen: Seen | None, model_name: str):
    """Backtest the chosen model beside the baselines, and take the series apart."""
    if seen is None:
        return "Press Forecast first: then there is something to look at.", gr.skip(), gr.skip(), gr.skip()
    model = models.find(MODELS, model_name)
    steps = min(seen.horizon, longest_horizon(seen.series, model))
    result = backtest(seen.series, steps, model, seen.season)
    best = result.scores.sort_values("pinball loss").iloc[0]["method"]
    how = (
        f"The last {len(result.errors)} stretches of {steps} steps were hidden and forecast from what came before. "
        f"**{best}** did best. MASE and pinball loss are in units of the usual change from one season to the next: "
        "compare them with the last line. The band should hold 80 % of the truth (0.8)."
    )
    if result.weights:
        shares = ", ".join(f"{name} {weight:.0%}".replace("%", " %") for name, weight in result.weights.items())
        how += f" For the forecast the blend weighs: {shares}."
    return how, rounded(result.scores), errors_chart(result.errors), parts_chart(decompose(seen.series, seen.season))


def on_train(file, date, value, group, which, horizon, season, architecture, seed) -> Iterator[tuple]:
    """Train a network on the series and show how it learns."""
    points, _ = series_of(table_of(file, date, value, group, which))
    season = usual_season(points) if not season else checked_season(season)
    steps = min(int(horizon), max(1, len(points) // 4))
    for state in train(filled(points), steps, season, architecture, int(seed or 0)):
        words = (
            f"{state.architecture}, {state.parameters:,} parameters: step {len(state.train_loss)} of at most {STEPS}, "
            f"{duration(state.seconds)}."
        )
        if not state.done:
            yield loss_chart(state.train_loss, state.held_out_loss, EVERY, STEPS), words, gr.skip(), gr.skip()
    predicted = as_frame(points, state.forecast)
    verdict = "better" if state.skill < 1 else "no better"
    words += (
        f" On the held-out last {steps} steps its pinball loss is {state.skill:.2f} of seasonal naive: {verdict} than "
        f"repeating the last season. Its bands were stretched by {state.widened:.1f} to be as wide as its errors there."
        f"<br>{in_words(points, predicted, season)}"
    )
    yield (
        loss_chart(state.train_loss, state.held_out_loss, EVERY, STEPS), words, forecast_chart(points, predicted),
        importance_chart(state.importance, season),
    )  # fmt: skip


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """For reading: dates as text, numbers with four digits."""
    return frame.apply(
        lambda column: column.map(lambda v: float(f"{v:.4g}") if abs(v) < 1000 else round(v))
        if pd.api.types.is_float_dtype(column) else column.astype("str")
    )  # fmt: skip


def saved(frame: pd.DataFrame, name: str) -> str:
    """The path of a CSV file to download."""
    path = result_file(f"{name}.csv")
    frame.to_csv(path, index=False)
    return str(path)


TASK = Task(
    slug=SLUG,
    title="Time series analysis",
    sentence="Bring a table of values over time; the network continues it, and marks what is odd.",
    group="Time series",
    icon='<path d="M3 17l4-6 4 3 4-8"/><path d="M15 6l3 3 3-4" stroke-dasharray="2 2"/><path d="M3 21h18"/>',
    models=MODELS,
    build=build,
)
