"""What a translation network saw and considered, and how Look inside draws it."""

import html
import math
from dataclasses import dataclass

import numpy as np

from tasks.drawing import CHART

MOST_COLUMNS, COLUMN = 16, 22  # source pieces that fit a phone; pixels of one where more are scrolled through


@dataclass(frozen=True)
class Candidate:
    """A translation that beam search kept. log_probability: of all its pieces and its end together."""

    pieces: tuple[str, ...]
    text: str
    log_probability: float

    @property
    def score(self) -> float:
        """What candidates are ranked by: the mean log probability of a piece, so that long ones may win too."""
        return self.log_probability / (len(self.pieces) + 1)


@dataclass(frozen=True)
class Inside:
    """What a network saw. weights (T, S): how it shared its attention over the source while it wrote each piece."""

    source_pieces: tuple[str, ...]
    target_pieces: tuple[str, ...]
    weights: np.ndarray
    candidates: tuple[Candidate, ...]  # the best first


def alignment_chart(inside: Inside):
    """A plotly figure: source pieces from left to right, target pieces from top to bottom, attention as colour."""
    import plotly.graph_objects as go

    columns, rows = (
        [html.escape(piece) for piece in pieces] for pieces in (inside.source_pieces, inside.target_pieces)
    )
    figure = go.Figure(
        go.Heatmap(
            z=inside.weights, zmin=0, zmax=1, colorscale=[[0, "rgba(20,184,166,0.06)"], [1, "rgb(20,184,166)"]],
            customdata=[[(column, row) for column in columns] for row in rows], xgap=1, ygap=1, showscale=False,
            hovertemplate="%{customdata[0]} → %{customdata[1]}<br>%{z:.0%} of its attention<extra></extra>",
        )
    )  # fmt: skip
    axis = {"showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(tickvals=list(range(len(columns))), ticktext=columns, tickangle=-60, side="top", **axis)
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=rows, autorange="reversed", automargin=True, **axis)
    wide = 90 + COLUMN * len(columns) if len(columns) > MOST_COLUMNS else None
    figure.update_layout(
        width=wide, height=110 + 22 * len(rows), margin={"l": 10, "r": 10, "t": 90, "b": 10}, dragmode=False,
        **CHART,
    )  # fmt: skip
    return figure


def candidates_table(inside: Inside) -> str:
    """HTML: what beam search kept, the best first, with the mean probability of a piece and that of the whole."""
    rows = []
    for candidate in inside.candidates:
        mean = math.exp(candidate.score)
        rows.append(
            f"<tr><th>{html.escape(candidate.text)}</th><td>{bar(mean)}</td>"
            f"<td>{math.exp(candidate.log_probability):.2%}</td></tr>"
        )
    head = "<tr><th>Translation</th><th>per piece</th><th>as a whole</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def bar(share: float) -> str:
    return f'<div style="width: {share:.1%}"></div>{share:.1%}'


def pieces_line(inside: Inside) -> str:
    """HTML: the pieces of the source, an arrow, the pieces of the translation."""
    sides = (
        "".join(f"<span>{html.escape(piece)}</span>" for piece in pieces)
        for pieces in (inside.source_pieces, inside.target_pieces)
    )
    return "<p>{}</p><p>→ {}</p>".format(*sides)


PIECES_CSS = """
p { margin: 2px 0; line-height: 1.5; }
span { display: inline-block; padding: 0 5px; margin: 0 3px 0 0; border-radius: 4px; font-size: 0.85rem; }
span { background: var(--background-fill-secondary); border: 1px solid var(--border-color-primary); }
"""
CANDIDATES_CSS = """
table { width: 100%; border-collapse: collapse; font-size: 0.88rem; }
th { text-align: left; font-weight: 400; overflow-wrap: anywhere; }
tr:first-child th { color: var(--body-text-color-subdued); }
td { vertical-align: bottom; color: var(--body-text-color-subdued); white-space: nowrap; }
th, td { padding: 4px 8px 4px 0; border: 0; }
td div { height: 8px; min-width: 1px; border-radius: 2px; background: var(--primary-600); }
"""
