"""Tables as people have them, made into one evenly spaced series, with a note for whatever had to be done to them."""

import io
import re
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.errors import BadInput

MAX_ROWS = 2_000_000  # of a longer table the last rows count
MIN_POINTS = 8  # fewer values show neither trend nor season
SNIFFED_BYTES = 65_536

DATE_NAME = re.compile(r"ds|dates?|datetime|timestamp|time|t|period|month|quarter|week|year|day|hour|zeit|datum", re.I)
VALUE_NAME = re.compile(r"y|values?|target|close|price|sales|demand|load|count|passengers|wert", re.I)
SERIES_NAME = re.compile(
    r"unique_id|item_id|series(_id|_name)?|id|symbol|ticker|sensor|store|country|region|name", re.I
)
NUMBER = re.compile(r"[-+−]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?")
MISSING = ["?", "-", "--", ".", "n.a.", "missing"]  # pandas knows the usual others


@dataclass(frozen=True)
class Table:
    """A table and the guess which of its columns are the date, the value and the name of the series.

    Change a guess with `dataclasses.replace(table, value="price")`.
    """

    frame: pd.DataFrame
    date: str | None
    value: str
    series: str | None = None
    chosen: str | None = None  # the one series of a long table that is looked at
    numeric: tuple[str, ...] = ()  # every column that can be the value
    decimal_comma: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def names(self) -> list[str]:
        """The series of a long table, the first 500 in the order of the file."""
        return [] if self.series is None else [str(name) for name in self.frame[self.series].dropna().unique()[:500]]


def read_table(path: str | Path | None) -> Table:
    """Read CSV, TSV (any of , ; tab |), XLSX or Parquet and guess what its columns are.

    Raises:
        BadInput: no file, another kind of file, no rows, or no column of numbers.
    """
    if not path:
        raise BadInput("There is no table yet: upload one, paste numbers, or click an example.")
    path = Path(path)
    decimal_comma = False
    try:
        if path.stat().st_size == 0:
            raise BadInput("This file is empty.")
        with path.open("rb") as file:
            head = file.read(SNIFFED_BYTES)
        if head.startswith(b"PAR1"):
            frame = pd.read_parquet(path)
        elif head.startswith(b"PK\x03\x04"):
            frame = pd.read_excel(path, engine="openpyxl", nrows=MAX_ROWS, na_values=MISSING)
        else:
            frame, decimal_comma = read_text(path, head)
    except BadInput:
        raise
    except Exception as error:  # a damaged file makes each of these readers raise something of its own
        raise BadInput("This file is not a table that can be read. CSV, TSV, XLSX and Parquet work.") from error
    return guess(frame, decimal_comma)


def parse_text(text: str) -> Table:
    """Numbers separated by commas, spaces or line breaks, or a pasted table. Raises BadInput like `read_table`."""
    if not text.strip():
        raise BadInput("There is nothing pasted yet: type or paste some numbers.")
    tokens = re.split(r"[\s,;]+", text.strip(" \t\r\n,;"))
    rows = [line for line in text.splitlines() if line.strip()]
    if (len(rows) == 1 or len(rows) == len(tokens)) and all(NUMBER.fullmatch(token) for token in tokens):
        return guess(pd.DataFrame({"value": [float(token.replace("−", "-")) for token in tokens]}), False)
    data = text.encode()
    try:
        frame, decimal_comma = read_text(io.BytesIO(data), data[:SNIFFED_BYTES])
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput("This text is not a table that can be read: put one row on a line.") from error
    return guess(frame, decimal_comma)


def curve_of(drawing: dict | None, points: int = 200) -> list[float]:
    """A hand-drawn curve as numbers from 0 (bottom) to 100 (top): the middle of the ink in each column.

    Args:
        drawing: the value of a gr.Sketchpad, with layers (H, W, 4) whose alpha is the ink.
    """
    ink = np.zeros((1, 1), bool)
    for layer in (drawing or {}).get("layers", []):
        ink = ink | (np.asarray(layer)[..., 3] > 0)
    columns = np.flatnonzero(ink.any(0))
    if len(columns) < 20:
        raise BadInput("There is no curve yet: draw one from left to right.")
    rows = np.arange(ink.shape[0])[:, None]
    height = (ink * rows).sum(0)[columns] / ink.sum(0)[columns]
    values = 100 * (1 - height / (ink.shape[0] - 1))
    return np.interp(np.linspace(columns[0], columns[-1], points), columns, values).round(2).tolist()


def read_text(file, head: bytes) -> tuple[pd.DataFrame, bool]:
    """A table of text and whether its numbers have a decimal comma. `head`: its first bytes."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in head:
        raise BadInput("This file is not a table that can be read. CSV, TSV, XLSX and Parquet work.")
    lines = [line for line in head.decode(encoding, errors="replace").splitlines() if line.strip()][:50]
    if not lines:
        raise BadInput("This file is empty.")
    bare = [re.sub(r'"[^"]*"', "", line) for line in (lines[:-1] if len(lines) > 2 else lines)]
    # The comma comes last, so that "1,5;2,5" is two numbers.
    separator = max("\t;|,", key=lambda mark: min(line.count(mark) for line in bare))
    cells = [cell.strip().strip('"') for cell in lines[0].split(separator)]
    frame = pd.read_csv(
        file, sep=separator, header=None if all(map(is_data, cells)) else "infer", na_values=MISSING, nrows=MAX_ROWS,
        encoding=encoding, encoding_errors="replace", skipinitialspace=True, low_memory=False, index_col=False,
    )  # fmt: skip
    return frame, separator != ","


def is_data(cell: str) -> bool:
    """Whether the first line of a file holds values, not names."""
    return bool(NUMBER.fullmatch(cell.lstrip("$€£ "))) or (
        any(c.isdigit() for c in cell) and to_dates(pd.Series([cell] * 2)) is not None
    )


def guess(frame: pd.DataFrame, decimal_comma: bool) -> Table:
    """Which columns are the date, the value and the series. Raises BadInput if there is no value."""
    if isinstance(frame.index, pd.DatetimeIndex) or frame.index.name is not None:
        frame = frame.reset_index()
    frame = frame.dropna(axis="columns", how="all").dropna(how="all")
    if frame.empty:
        raise BadInput("This table has no rows with values.")
    notes = (f"Only the first {MAX_ROWS:,} rows were read.",) if len(frame) >= MAX_ROWS else ()
    frame.columns = [str(name).strip() if not isinstance(name, int) else f"column {name + 1}" for name in frame.columns]

    date = guess_date(frame)
    others = [name for name in frame.columns if name != date]
    sample = frame.sample(min(len(frame), 2000), random_state=0)
    numeric = [
        name for name in others
        if to_numbers(sample[name], decimal_comma).notna().sum() >= max(1, 0.5 * sample[name].notna().sum())
    ]  # fmt: skip
    if not numeric:
        listed = ", ".join(frame.columns[:12])
        raise BadInput(f"This table has no column of numbers to forecast. Its columns: {listed}.")

    series = guess_series(frame, date, others, numeric)
    values = [name for name in numeric if name != series]
    values = [name for name in values if not is_clock(frame[name], date is None)] or values or numeric
    value = next((name for name in values if VALUE_NAME.fullmatch(name)), values[0])
    table = Table(frame, date, value, series, numeric=tuple(numeric), decimal_comma=decimal_comma, notes=notes)
    return replace(table, chosen=table.names[0]) if table.series else table


def guess_date(frame: pd.DataFrame) -> str | None:
    for name in sorted(frame.columns, key=lambda name: not DATE_NAME.fullmatch(name)):
        column = frame[name].head(500)
        dates = to_dates(column, named=bool(DATE_NAME.fullmatch(name)))
        if dates is not None and dates.notna().sum() >= 0.8 * column.notna().sum() and dates.nunique() > 1:
            return name
    return None


def guess_series(frame: pd.DataFrame, date: str | None, others: list[str], numeric: list[str]) -> str | None:
    """The column that names the series of a long table: it repeats, and without it dates would too."""
    if len(others) < 2 or (date and not frame[date].duplicated().any()):
        return None
    for name in sorted(others, key=lambda name: not SERIES_NAME.fullmatch(name)):
        named = SERIES_NAME.fullmatch(name)
        repeats = 1 < frame[name].nunique() <= len(frame) / MIN_POINTS
        if repeats and (named or name not in numeric) and (date or named):
            return name
    return None


def is_clock(column: pd.Series, dateless: bool) -> bool:
    """Whether a column only counts rows or seconds: it grows by the same step, and is no value by its name."""
    named = re.fullmatch(r"unnamed: \d+|index|id|row|#|no\.?", str(column.name), re.I)
    if not (named or dateless) or not pd.api.types.is_numeric_dtype(column):
        return False
    steps = column.astype(float).diff().dropna()
    return bool((steps > 0).all() and np.ptp(steps) < 0.01 * steps.median())


def to_numbers(column: pd.Series, decimal_comma: bool = False) -> pd.Series:
    """Numbers out of "$1,234.50", "1.234,5", "12 %" and the like; NaN where there is none."""
    if pd.api.types.is_bool_dtype(column):
        return column.astype(float)
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float).replace([np.inf, -np.inf], np.nan)
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.Series(np.nan, index=column.index)
    text = column.astype("str").str.replace(r"[\s$€£¥%']", "", regex=True).str.replace("−", "-")
    seen = text.dropna().head(500)
    thousands = seen.str.fullmatch(r"[-+]?\d{1,3}(,\d{3})+").sum()
    dots_then_comma = seen.str.fullmatch(r"[-+]?\d{1,3}(\.\d{3})*,\d+").sum()
    if decimal_comma or (dots_then_comma > thousands and not seen.str.contains(r",\d+\.", regex=True).any()):
        if seen.str.contains(",", regex=False).any():
            text = text.str.replace(".", "").str.replace(",", ".")
    else:
        text = text.str.replace(",", "")
    return pd.to_numeric(text, errors="coerce").astype(float).replace([np.inf, -np.inf], np.nan)


def to_dates(column: pd.Series, named: bool = True) -> pd.Series | None:
    """Dates without time zone, or None if the column holds none. NaT where a cell cannot be read.

    Numbers count as years (1949), days (20240131) or Unix time in seconds or milliseconds, and only if they increase
    or the column is `named` like a date: most columns of numbers are values.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.tz_localize(None) if column.dt.tz is not None else column
    if pd.api.types.is_bool_dtype(column):
        return None
    if pd.api.types.is_numeric_dtype(column):
        return _dates_from_numbers(column, named)
    text = column.astype("str").str.strip()
    sample = text.dropna().head(200)
    if sample.empty or not sample.str.contains(r"\d", regex=True).all():
        return None
    for pattern in (r"(?P<year>\d{4})[-_ /]?Q(?P<quarter>[1-4])", r"Q(?P<quarter>[1-4])[-_ /]?(?P<year>\d{4})"):
        if sample.str.fullmatch(pattern, case=False).mean() > 0.9:
            parts = text.str.extract(re.compile(pattern, re.I))
            first_month = pd.to_numeric(parts["quarter"]) * 3 - 2
            return pd.to_datetime(parts["year"] + "-" + first_month.astype("Int64").astype("str"), errors="coerce")
    if (
        sample.str.fullmatch(r"[-+]?[\d.,]+").mean() > 0.9
        and not sample.str.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{2,4}").all()
    ):
        return None  # numbers that were read as text
    if re.fullmatch(r"\d{4}-W\d{1,2}", sample.iloc[0]):
        return pd.to_datetime(text + "-1", format="%G-W%V-%u", errors="coerce")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns of each format it has to guess
        for options in ({"format": "ISO8601"}, {}, {"dayfirst": True}, {"format": "%b-%y"}, {"format": "mixed"}):
            dates = pd.to_datetime(sample, errors="coerce", utc=True, **options)
            if dates.notna().mean() < 0.9:
                continue
            if options == {} and not dates.is_monotonic_increasing and not dates.is_monotonic_decreasing:
                # 03/04 may be the 3rd of April: the reading in which time runs forward is right.
                other = pd.to_datetime(sample, errors="coerce", utc=True, dayfirst=True)
                if other.notna().mean() >= dates.notna().mean() and other.is_monotonic_increasing:
                    options = {"dayfirst": True}
            return pd.to_datetime(text, errors="coerce", utc=True, **options).dt.tz_localize(None)
    return None


def _dates_from_numbers(column: pd.Series, named: bool) -> pd.Series | None:
    known = column.dropna()
    whole = len(known) > 0 and bool((known == known.round()).all())
    if not whole or not (named or (known.is_monotonic_increasing and known.is_unique)):
        return None
    if known.between(1500, 2200).all():
        return pd.to_datetime(column.astype("Int64").astype("str"), format="%Y", errors="coerce")
    if known.between(19000101, 21001231).all():
        return pd.to_datetime(column.astype("Int64").astype("str"), format="%Y%m%d", errors="coerce")
    for unit, low, high in (("s", 1e8, 1e10), ("ms", 1e11, 1e13)):
        if known.between(low, high).all():
            return pd.to_datetime(column, unit=unit, errors="coerce")
    return None


def series_of(table: Table) -> tuple[pd.Series, list[str]]:
    """The chosen series of a table on an even grid, and notes on what was done to it.

    Returns:
        float64 values over a DatetimeIndex with a frequency, or over 0, 1, 2 ... where the table has no usable date.
        NaN marks what is missing.

    Raises:
        BadInput: a column does not hold what it is said to hold, or fewer than MIN_POINTS values are left.
    """
    frame, notes = table.frame, list(table.notes)
    if table.series:
        names = frame[table.series].astype("str")
        chosen = table.chosen if table.chosen in table.names else table.names[0]
        frame = frame[names == chosen]
        notes.append(f"{frame[table.series].iloc[0]}: one of {names.nunique():,} series in “{table.series}”.")
    values = to_numbers(frame[table.value], table.decimal_comma)
    unreadable = int(values.isna().sum() - frame[table.value].isna().sum())
    if values.notna().sum() == 0:
        raise BadInput(f"The column “{table.value}” holds no numbers: choose another value column.")
    if unreadable > 0:
        notes.append(f"{unreadable:,} cells of “{table.value}” are no numbers: treated as missing.")
    if table.date is None:
        notes.append("No date column: the rows are numbered.")
        series = pd.Series(values.to_numpy(), name=table.value)
    else:
        dates = to_dates(frame[table.date])
        if dates is None or dates.notna().sum() == 0:
            raise BadInput(f"The column “{table.date}” holds no dates: choose another date column, or none.")
        if lost := int(dates.isna().sum()):
            notes.append(f"{lost:,} rows without a readable date were left out.")
        kept = dates.notna()
        series = pd.Series(values[kept].to_numpy(), pd.DatetimeIndex(dates[kept]), name=table.value)
    series, more = regular(series)
    return series, notes + more


def regular(series: pd.Series) -> tuple[pd.Series, list[str]]:
    """Sort, average duplicates, put on an even grid. A series that is regular comes back as it is.

    Args:
        series: numbers over any index. A DatetimeIndex is kept, any other one is replaced by 0, 1, 2 ...

    Returns:
        As `series_of`.

    Raises:
        BadInput: fewer than MIN_POINTS values, or more than half of them missing.
    """
    notes: list[str] = []
    series = to_numbers(series).rename(series.name)
    if isinstance(series.index, pd.PeriodIndex):
        series.index = series.index.to_timestamp()
    if isinstance(series.index, pd.DatetimeIndex):
        if series.index.freq is None:
            series = _on_grid(series, notes)
    else:
        series = series.reset_index(drop=True)
    known = int(series.notna().sum())
    if known < MIN_POINTS:
        raise BadInput(f"A forecast needs at least {MIN_POINTS} values; this series has {known}.")
    if missing := len(series) - known:
        if missing > known:
            raise BadInput(f"More than half of this series is missing: {missing:,} of {len(series):,} values.")
        notes.append(f"{missing:,} missing values: bridged by straight lines for the network, left open in the chart.")
    if known and series.max() == series.min():
        notes.append("The series is constant: so is its forecast, and nothing is odd.")
    return series, notes


def filled(series: pd.Series) -> np.ndarray:
    """The values with straight lines across what is missing, float64 (n,)."""
    return series.interpolate(limit_direction="both").to_numpy(np.float64)


def _on_grid(series: pd.Series, notes: list[str]) -> pd.Series:
    if not series.index.is_monotonic_increasing:
        series = series.sort_index(kind="stable")
    if repeated := int(series.index.duplicated().sum()):
        notes.append(f"{repeated:,} repeated dates were averaged.")
        series = series.groupby(level=0).mean()
    if len(series) < 3:
        return series
    if step := _inferred(series.index):
        return series.asfreq(step)
    gaps = np.diff(series.index.to_numpy()).astype("timedelta64[ms]").astype(np.int64) / 1000  # s
    typical = float(np.median(gaps))
    if typical <= 0:
        return _numbered(series, notes)
    even = np.mean(np.abs(gaps - typical) < 0.02 * typical) > 0.5
    seconds = typical if even else _round_step(float(gaps.mean()))
    step = _calendar_step(typical, series.index) or pd.Timedelta(seconds=seconds)
    if (series.index[-1] - series.index[0]).total_seconds() / seconds > 3 * len(series) + 10:
        return _numbered(series, notes)
    grid = (
        series.resample(step, origin="start").mean() if isinstance(step, pd.Timedelta) else series.resample(step).mean()
    )
    empty = int(grid.isna().sum() - series.isna().sum())
    if not even and grid.count() < max(series.count(), len(grid)) / 2:
        return _numbered(series, notes)
    kind = "Some dates are missing" if even or isinstance(step, str) else "The dates are not evenly spaced"
    notes.append(f"{kind}: put on a grid of one value per {_worded(step)}, {max(empty, 0):,} of them empty.")
    return grid


def _numbered(series: pd.Series, notes: list[str]) -> pd.Series:
    notes.append("The dates follow no rhythm: the values are taken as an evenly spaced sequence.")
    return series.reset_index(drop=True)


def _inferred(index: pd.DatetimeIndex):
    """The offset of an index without gaps, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # announces that pandas 4 will return an offset, which is handled
        step = pd.infer_freq(index)
    return None if step is None else pd.tseries.frequencies.to_offset(step)


def _calendar_step(seconds: float, index: pd.DatetimeIndex) -> str | None:
    """Years, quarters and months are uneven in seconds, business days skip the week-end."""
    days = seconds / 86_400
    for step, low, high in (("YS", 350, 380), ("QS", 85, 95), ("MS", 27, 32)):
        if low < days < high:
            return step
    if days == 1 and len(index) > 10 and index.day_of_week.max() < 5:
        return "B"
    return None


def _round_step(seconds: float) -> float:
    """The step people would name that lies nearest."""
    steps = [1, 5, 10, 15, 30, *(60 * np.array([1, 5, 10, 15, 30])), *(3600 * np.array([1, 2, 3, 6, 12, 24, 168]))]
    return float(min(steps, key=lambda step: abs(np.log(step / seconds)))) if seconds >= 1 else seconds


def step_words(series: pd.Series) -> str:
    """ "month", "20 minutes": what lies between two values of a regular series over dates."""
    return _worded(series.index.freq)


def _worded(step) -> str:
    words = {"Y": "year", "Q": "quarter", "M": "month", "W": "week", "B": "business day"}
    offset = pd.tseries.frequencies.to_offset(step)
    if not isinstance(offset, pd.tseries.offsets.Tick | pd.tseries.offsets.Day):
        name = words.get(offset.rule_code[0], offset.rule_code)
        return name if offset.n == 1 else f"{offset.n} {name}s"
    seconds = (
        pd.Timedelta(offset).total_seconds() if not isinstance(offset, pd.tseries.offsets.Day) else offset.n * 86_400
    )
    for size, name in ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            return name if seconds == size else f"{seconds / size:.0f} {name}s"
    return f"{seconds:g} seconds"
