"""Tables as people have them: each becomes the right series, with a note, or a sentence that says what to do."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tasks.errors import BadInput
from tasks.settings import EXAMPLES
from tasks.time_series_table import curve_of, filled, parse_text, read_table, regular, series_of, to_dates

DAYS = pd.date_range("2024-01-01", periods=60)


@pytest.fixture
def read(tmp_path):
    """read(text or bytes, suffix) -> Table"""

    def from_text(data, suffix=".csv"):
        path = tmp_path / f"table{suffix}"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return read_table(path)

    return from_text


def lines(values, dates=DAYS, head="date,value", separator=","):
    return "\n".join([head, *(f"{date}{separator}{value}" for date, value in zip(dates, values, strict=True))])


def test_the_first_example():
    table = read_table(EXAMPLES / "airline-passengers.csv")
    series, notes = series_of(table)
    assert (table.date, table.value, table.series) == ("month", "passengers_thousands", None)
    assert len(series) == 144 and series.index[0] == pd.Timestamp("1949-01-01") and series.iloc[-1] == 432
    assert series.index.freqstr == "MS" and notes == []


def test_a_column_that_counts_seconds_is_not_the_value():
    assert read_table(EXAMPLES / "heartbeat.csv").value == "ecg_mv"


def test_tabs_and_semicolons(read):
    for separator, suffix in (("\t", ".tsv"), (";", ".csv"), ("|", ".txt")):
        text = lines(range(60), head=f"date{separator}value", separator=separator)
        assert series_of(read(text, suffix))[0].tolist() == list(range(60))


def test_semicolon_and_decimal_comma(read):
    text = lines([f"1.{i:03d},5" for i in range(60)], head="Datum;Wert", separator=";")
    series, _ = series_of(read(text))
    assert series.iloc[7] == 1007.5 and series.index.freqstr == "D"


def test_dollars_with_thousands(read):
    assert series_of(read(lines([f'"$1,{i:03d}"' for i in range(60)])))[0].iloc[3] == 1003
    assert series_of(read(lines([f'"$1,{i:03d}.25"' for i in range(60)])))[0].iloc[3] == 1003.25


def test_percent_and_a_true_minus(read):
    assert series_of(read(lines([f"−{i + 1} %" for i in range(60)])))[0].iloc[1] == -2


@pytest.mark.parametrize(("factor", "name"), [(1, "ts"), (1000, "timestamp"), (1, "t")])
def test_epochs_in_seconds_and_milliseconds(read, factor, name):
    seconds = [(1_700_000_000 + 3600 * i) * factor for i in range(60)]
    series, _ = series_of(read(lines(range(60), seconds, head=f"{name},value")))
    assert series.index[0] == pd.Timestamp("2023-11-14 22:13:20") and series.index.freqstr == "h"


@pytest.mark.parametrize("pattern", ["{y}Q{q}", "{y}-Q{q}", "Q{q} {y}"])
def test_quarters(read, pattern):
    quarters = [pattern.format(y=2000 + i // 4, q=i % 4 + 1) for i in range(60)]
    series, _ = series_of(read(lines(range(60), quarters, head="quarter,value")))
    assert series.index[5] == pd.Timestamp("2001-04-01") and len(series) == 60


@pytest.mark.parametrize(
    ("form", "head"),
    [("%d/%m/%Y", "date"), ("%m/%d/%Y", "date"), ("%d.%m.%Y", "datum"), ("%b %d, %Y", "when"), ("%Y%m%d", "day")],
)
def test_dates_as_people_write_them(read, form, head):
    series, _ = series_of(read(lines(range(60), [f'"{day:{form}}"' for day in DAYS], head=f"{head},value")))
    assert series.index.equals(DAYS) and series.tolist() == list(range(60))


def test_ambiguous_days_are_read_so_that_time_runs_forward():
    days = pd.DatetimeIndex([f"2020-{month:02d}-{day:02d}" for month in range(1, 7) for day in (3, 6, 9, 12)])
    assert to_dates(pd.Series(days.strftime("%d/%m/%Y"))).tolist() == days.tolist()
    assert to_dates(pd.Series(days.strftime("%m/%d/%Y"))).tolist() == days.tolist()


def test_years_weeks_and_time_zones(read):
    assert series_of(read(lines(range(60), range(1900, 1960), head="year,value")))[0].index[-1].year == 1959
    weeks = [f"2023-W{i:02d}" for i in range(1, 53)]
    assert series_of(read(lines(range(52), weeks, head="week,value")))[0].index[0] == pd.Timestamp("2023-01-02")
    zoned = [f"{day:%Y-%m-%dT%H:%M:%S}+02:00" for day in DAYS]
    assert series_of(read(lines(range(60), zoned)))[0].index.tz is None


def test_gaps_are_left_open_and_named(read):
    kept = [i for i in range(60) if i % 9 != 4]
    series, notes = series_of(read(lines(kept, DAYS[kept])))
    assert len(series) == 60 and series.isna().sum() == 7 and filled(series).tolist() == list(range(60))
    assert any("one value per day, 7 of them empty" in note for note in notes)


def test_duplicates_are_averaged(read):
    series, notes = series_of(read(lines(range(60)) + "\n2024-01-05,9"))
    assert series.iloc[4] == 6.5 and "1 repeated dates were averaged." in notes


def test_unsorted_rows_are_sorted(read):
    head, *rows = lines(range(60)).splitlines()
    assert series_of(read("\n".join([head, *rows[::-1]])))[0].tolist() == list(range(60))


def test_irregular_stamps_are_put_on_a_grid(read):
    hours = np.cumsum(np.random.default_rng(0).exponential(9, 200))
    stamps = [f"{DAYS[0] + pd.Timedelta(hours=hour):%Y-%m-%d %H:%M}" for hour in hours]
    series, notes = series_of(read(lines(range(200), stamps)))
    assert isinstance(series.index, pd.DatetimeIndex) and series.index.freq is not None
    assert filled(series)[0] < filled(series)[-1] and any("not evenly spaced" in note for note in notes)


def test_stamps_without_rhythm_become_a_sequence(read):
    seconds = np.cumsum(10.0 ** (np.arange(30) % 7))
    stamps = [f"{DAYS[0] + pd.Timedelta(seconds=second)}" for second in seconds]
    series, notes = series_of(read(lines(range(30), stamps)))
    assert len(series) == 30 and any("no rhythm" in note for note in notes)


def test_business_days_have_no_weekend(read):
    days = pd.bdate_range("2024-01-01", periods=60)
    assert series_of(read(lines(range(60), days)))[0].index.freqstr == "B"
    kept = [i for i in range(60) if i not in (7, 21)]  # holidays
    assert len(series_of(read(lines(kept, days[kept])))[0]) == 60


def test_month_ends_and_missing_months(read):
    months = pd.date_range("2015-01-31", periods=48, freq="ME").delete([5, 20])
    series, _ = series_of(read(lines(range(46), months)))
    assert len(series) == 48 and series.isna().sum() == 2


def test_missing_values_and_infinity(read):
    series, notes = series_of(read(lines([1, 2, 3, "", 4, "NaN", "?", 5, "inf", 6] * 6)))
    assert series.isna().sum() == 24 and np.isfinite(filled(series)).all()
    assert any("24 missing values" in note for note in notes)


def test_cells_that_are_no_numbers_are_named(read):
    values = [*range(58), "broken", "broken"]
    assert any("2 cells of “value” are no numbers" in note for note in series_of(read(lines(values)))[1])


def test_a_constant_series_is_named(read):
    assert any("constant" in note for note in series_of(read(lines([3] * 60)))[1])


def test_wide_tables_offer_every_column(read):
    text = "date,north,south\n" + "\n".join(f"{day:%F},{i},{-i}" for i, day in enumerate(DAYS))
    table = read(text)
    assert table.numeric == ("north", "south") and table.value == "north" and table.series is None
    assert series_of(dataclasses.replace(table, value="south"))[0].iloc[-1] == -59


def test_long_tables_offer_every_series(read):
    rows = [f"{name},{day:%F},{i * factor}" for name, factor in (("A", 1), ("B", 10)) for i, day in enumerate(DAYS)]
    table = read("\n".join(["symbol,date,price", *rows]))
    assert (table.series, table.value, table.date, table.names) == ("symbol", "price", "date", ["A", "B"])
    series, notes = series_of(dataclasses.replace(table, chosen="B"))
    assert series.iloc[-1] == 590 and any("one of 2 series" in note for note in notes)


def test_no_header_and_no_date(read):
    series, notes = series_of(read("\n".join(str(i) for i in range(60))))
    assert series.tolist() == list(range(60)) and any("numbered" in note for note in notes)
    assert series_of(read(lines(range(60)).split("\n", 1)[1]))[0].index.freqstr == "D"


def test_excel_and_parquet(tmp_path):
    frame = pd.DataFrame({"date": DAYS, "value": np.arange(60.0)})
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    frame.set_index("date").to_parquet(tmp_path / "t.parquet")
    for name in ("t.xlsx", "t.parquet"):
        series, _ = series_of(read_table(tmp_path / name))
        assert series.index.equals(DAYS) and series.tolist() == list(range(60))


def test_utf_16_and_a_byte_order_mark(read):
    for encoding in ("utf-16", "utf-8-sig"):
        assert series_of(read(lines(range(60), head="Jahr,Wert").encode(encoding)))[0].iloc[-1] == 59


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("date,value\n", "no rows"),
        (lines(["x"] * 60), "no column of numbers"),
        ("{\\rtf1 hello}\nthis is a letter, not a table", "no column of numbers"),
        (bytes(range(256)) * 20, "not a table"),
        (b"PK\x03\x04 broken", "not a table"),
        (b"PAR1 broken", "not a table"),
    ],
)
def test_what_is_no_table_is_said(read, text, said):
    with pytest.raises(BadInput, match=said):
        read(text)


def test_too_short_and_mostly_missing_are_said(read):
    with pytest.raises(BadInput, match="at least 8 values; this series has 2"):
        series_of(read(lines([1, 2], DAYS[:2])))
    with pytest.raises(BadInput, match="More than half"):
        series_of(read(lines([*range(10), *[""] * 50])))


def test_wrong_corrections_are_said(read):
    table = read(lines([f"{i},a" for i in range(60)], head="date,value,remark"))
    with pytest.raises(BadInput, match="no dates"):
        series_of(dataclasses.replace(table, date=table.frame.columns[-1]))
    with pytest.raises(BadInput, match="no numbers"):
        series_of(dataclasses.replace(table, value=table.frame.columns[-1]))


def test_no_file():
    with pytest.raises(BadInput, match="no table yet"):
        read_table(None)


def test_pasted_numbers():
    for text in ("1, 2,3, 4 5 6;7 8", "1\n2\n3\n4\n5\n6\n7\n8\n", "  1\t2\t3\t4\t5\t6\t7\t8  "):
        assert series_of(parse_text(text))[0].tolist() == list(range(1, 9))
    assert series_of(parse_text(lines(range(60))))[0].index.equals(DAYS)
    with pytest.raises(BadInput, match="nothing pasted"):
        parse_text("  ")
    with pytest.raises(BadInput):
        parse_text("hello world")


def test_a_drawn_curve():
    ink = np.zeros((100, 400, 4), np.uint8)
    for column in range(50, 350):
        ink[99 - column // 4, column, 3] = 255
    values = curve_of({"layers": [ink]})
    assert len(values) == 200 and np.all(np.diff(values) >= 0) and 10 < values[0] < 15 and 85 < values[-1] < 90
    with pytest.raises(BadInput, match="no curve"):
        curve_of(None)


def test_a_regular_series_is_left_alone():
    series = pd.Series(np.arange(60.0), DAYS)
    again, notes = regular(regular(series)[0])
    pd.testing.assert_series_equal(again, series, check_freq=False)
    assert notes == []


def test_a_million_rows(tmp_path):
    when = pd.date_range("2022", periods=1_000_000, freq="min")
    pd.DataFrame({"time": when, "value": np.arange(1_000_000) % 1440}).to_csv(tmp_path / "long.csv", index=False)
    series, notes = series_of(read_table(tmp_path / "long.csv"))
    assert len(series) == 1_000_000 and series.index.freqstr == "min" and notes == []
