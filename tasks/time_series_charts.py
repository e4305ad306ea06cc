"""Charts of series and forecasts, for light and dark pages alike, and the same in words."""

import numpy as np
import pandas as pd

from tasks.drawing import CHART

MOST_POINTS = 4000  # a browser draws no more at a glance; beyond it each stretch shows its lowest and highest value
# Colours that can be told apart on white and on near-black, with and without colour vision.
GREY, ACCENT, ODD = "#8a8580", "#0d9488", "#e0632b"
GRID = "rgba(138,133,128,0.25)"
BAND_80, BAND_50 = "rgba(13,148,136,0.16)", "rgba(13,148,136,0.30)"


def decimated(series: pd.Series, most: int = MOST_POINTS) -> pd.Series:
    """At most `most` points with the same peaks: the lowest and the highest value of each stretch."""
    if len(series) <= most:
        return series
    stretch = -(-len(series) // (most // 2))
    known = series.reset_index(drop=True).dropna()
    groups = known.groupby(known.index // stretch)
    return series.iloc[np.unique(np.concatenate([groups.idxmin().to_numpy(), groups.idxmax().to_numpy()]))]


def figure(height: int = 380):
    """An empty chart: transparent, so that the page's own background shows in light and dark."""
    import plotly.graph_objects as go

    chart = go.Figure()
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GREY, "automargin": True}
    chart.update_layout(
        height=height, margin={"l": 8, "r": 8, "t": 36, "b": 8},
        **CHART | {"font": {"color": GREY, "size": 12}},
        hovermode="x unified", xaxis=axis, yaxis=axis,
        legend={"orientation": "h", "y": -0.24, "yanchor": "top", "x": 0},
    )  # fmt: skip
    return chart


def forecast_chart(series: pd.Series, forecast: pd.DataFrame, odd: pd.DataFrame | None = None):
    """The past, the median with its 50 % and 80 % bands, and a mark on every anomaly. `odd`: columns ds, y, by row."""
    chart = figure(height=420)
    split = max(0, len(series) - MOST_POINTS // 2)  # the end, which the chart opens on, is shown in full
    shown = pd.concat([decimated(series.iloc[:split], MOST_POINTS // 2), series.iloc[split:]])
    chart.add_scatter(x=shown.index, y=shown, name="past", line={"color": GREY, "width": 1.5})
    when = list(forecast.ds)
    for name, low, high, colour in (
        ("80 % band", forecast["lo-80"], forecast["hi-80"], BAND_80),
        ("50 % band", (forecast.q20 + forecast.q30) / 2, (forecast.q70 + forecast.q80) / 2, BAND_50),
    ):
        chart.add_scatter(
            x=when + when[::-1], y=[*high, *low[::-1]], name=name, fill="toself", fillcolor=colour,
            line={"width": 0}, hoverinfo="skip",
        )  # fmt: skip
    chart.add_scatter(x=when, y=forecast.y_hat, name="forecast", line={"color": ACCENT, "width": 2.5})
    chart.add_vline(x=series.index[-1], line={"color": GREY, "width": 1, "dash": "dot"})
    chart.update_yaxes(title=series.name)
    if odd is not None and len(odd):
        chart.add_scatter(
            x=odd.ds, y=odd.y, name="odd", mode="markers",
            marker={"color": ODD, "size": 9, "symbol": "circle-open", "line": {"width": 2.5}},
        )  # fmt: skip
    # A long past is a wall: the chart opens on its end, or on what is odd. Zooming out shows all of it.
    first = len(series) - max(10 * len(when), 200)
    if odd is not None and len(odd):
        first = min(first, int(odd.index[0]) - len(when))
    if first > 0:
        chart.update_xaxes(range=[series.index[first], when[-1]])
        visible = pd.concat([series.iloc[first:], forecast["lo-80"], forecast["hi-80"]])
        margin = 0.06 * (visible.max() - visible.min())
        chart.update_yaxes(range=[visible.min() - margin, visible.max() + margin])
    return chart


def parts_chart(parts: pd.DataFrame):
    """Trend, season and remainder (columns of `parts`), one above the other."""
    from plotly.subplots import make_subplots

    rows = make_subplots(rows=3, cols=1, shared_xaxes=True, subplot_titles=list(parts.columns), vertical_spacing=0.1)
    for row, (name, part) in enumerate(parts.items(), 1):
        shown = decimated(part)
        rows.add_scatter(x=shown.index, y=shown, name=name, line={"color": ACCENT, "width": 1.5}, row=row, col=1)
    rows.update_layout(figure(height=460).layout)
    rows.update_layout(showlegend=False)
    rows.update_xaxes(gridcolor=GRID, zeroline=False)
    rows.update_yaxes(gridcolor=GRID, zeroline=False)
    return rows


def errors_chart(errors: np.ndarray):
    """Backtest errors (cuts, horizon) in units of the seasonal naive error, against how far ahead they were made."""
    chart = figure()
    steps = np.arange(1, errors.shape[1] + 1)
    for i, row in enumerate(errors):
        chart.add_scatter(
            x=steps, y=row, name=f"backtest {i + 1}", mode="markers", marker={"color": ACCENT, "size": 6},
            showlegend=False,
        )  # fmt: skip
    chart.add_hline(y=0, line={"color": GREY, "width": 1})
    chart.update_xaxes(title="steps ahead")
    return chart


def loss_chart(learned: list[float], held_out: list[float], every: int, steps: int):
    """The loss curve of a training that is running."""
    chart = figure(height=300)
    chart.add_scatter(y=learned, name="stretches it learns from", line={"color": GREY, "width": 1})
    when = every * np.arange(1, len(held_out) + 1)
    chart.add_scatter(x=when, y=held_out, name="held-out end", mode="lines+markers", line={"color": ODD, "width": 2})
    chart.update_xaxes(title="step", range=[0, max(len(learned), steps // 4)])
    chart.update_yaxes(rangemode="tozero")
    return chart


def importance_chart(importance: np.ndarray, season: int):
    """How much each past value moves the forecast; 1 step back is the newest."""
    lags = np.arange(len(importance), 0, -1)
    chart = figure(height=300)
    chart.add_bar(x=lags, y=100 * importance, marker={"color": ACCENT, "line": {"width": 0}}, name="share")
    for multiple in range(season, len(importance) + 1, season) if season > 1 else ():
        chart.add_vline(x=multiple, line={"color": ODD, "width": 1, "dash": "dot"})
    marked = ", dotted: whole seasons" if season > 1 else ""
    chart.update_xaxes(title=f"steps back{marked}", autorange="reversed")
    chart.update_yaxes(ticksuffix=" %")
    return chart


def in_words(series: pd.Series, forecast: pd.DataFrame, season: int, odd: pd.DataFrame | None = None) -> str:
    """ "By December 1961: about 480, 11 % above December 1960; ... 3 odd points." `odd` is indexed by row."""
    last, horizon = forecast.iloc[-1], len(forecast)
    # Compared with the same phase of the last season, or Christmas would always look like growth.
    season = season if season > 1 and len(series) > season else 1
    back = len(series) - 1 - (-horizon % season if season > 1 else 0)
    known = series.interpolate(limit_direction="both")
    before, after = float(known.iloc[back]), float(last.y_hat)
    spread = float(known.max() - known.min())
    if abs(after - before) <= 0.01 * spread:
        change = "the same as"
    elif known.min() > 0 and before > 0.1 * spread:
        change = f"{abs(after / before - 1):.0%} {'above' if after > before else 'below'}".replace("%", " %")
    else:
        change = f"{number(abs(after - before))} {'above' if after > before else 'below'}"
    words = (
        f"By {moment(last.ds, series)}: about **{number(after)}**, {change} {moment(known.index[back], series)}; "
        f"8 times in 10 between {number(last['lo-80'])} and {number(last['hi-80'])}."
    )
    if odd is not None:
        places = 1 + int((np.diff(odd.index) > 3).sum())
        words += f" {len(odd) or 'No'} odd point{'' if len(odd) == 1 else 's'}"
        words += f" in {places} places." if places > 1 else "."
    return words


def moment(when, series: pd.Series) -> str:
    """A date as precise as the series: "December 1960", "24 March 2024", "24 March 2024, 13:20", or "step 1250"."""
    if not isinstance(when, pd.Timestamp):
        return f"step {int(when)}"
    days = (series.index[-1] - series.index[0]).total_seconds() / 86_400 / max(len(series) - 1, 1)
    if days > 360:
        return f"{when:%Y}"
    if days > 27:
        return f"{when:%B %Y}"
    return f"{when.day} {when:%B %Y}" + ("" if days >= 1 else f", {when:%H:%M}")


def number(value: float) -> str:
    """Four digits are enough to read."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
