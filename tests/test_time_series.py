"""Forecasts that beat repeating the last season, odd points found where they were put, and every model's loader."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.time_series import anomalies, event_f1, examples, forecasts, public, summary
from tasks import models, time_series
from tasks.errors import BadInput, ModelUnavailable
from tasks.settings import EXAMPLES
from tasks.time_series import (
    DEFAULT,
    FRACAST,
    MODELS,
    as_frame,
    backtest,
    find_anomalies,
    forecast,
    longest_horizon,
    on_columns,
    on_drawing,
    on_file,
    on_forecast,
    on_inside,
    on_sensitivity,
    on_text,
    on_train,
    read_table,
)
from tasks.time_series_anomalies import anomaly_scores, decompose, usual_season
from tasks.time_series_charts import MOST_POINTS, decimated, forecast_chart, in_words
from tasks.time_series_models import (
    QUANTILES,
    Chronos,
    TimesFm,
    find_season,
    pinball,
    seasonal_naive,
    standardized,
    theta,
)
from tasks.time_series_table import filled, series_of
from training.time_series_examples import FAULTS, TABLES

COLUMNS = ["ds", "y_hat", *(f"q{i}0" for i in range(1, 10)), "lo-80", "hi-80"]
AIRLINE = str(EXAMPLES / "airline-passengers.csv")


def example(name: str) -> pd.Series:
    return series_of(read_table(EXAMPLES / f"{name}.csv"))[0]


def quantiles(frame: pd.DataFrame) -> np.ndarray:
    return frame[[f"q{level * 100:.0f}" for level in QUANTILES]].to_numpy()


def test_a_forecast_has_the_columns_people_expect():
    answer = forecast(example("airline-passengers"), 12)
    assert answer.columns.tolist() == COLUMNS
    assert answer.ds.tolist() == pd.date_range("1961-01-01", periods=12, freq="MS").tolist()
    assert (np.diff(quantiles(answer), axis=1) >= 0).all()
    assert (answer["lo-80"] == answer.q10).all() and (answer["hi-80"] == answer.q90).all()
    assert (answer.y_hat == answer.q50).all()


@pytest.mark.parametrize("model", [DEFAULT, FRACAST], ids=lambda model: model.name)
def test_the_summer_of_1960_is_foreseen(model):
    passengers = example("airline-passengers")
    answer = forecast(passengers.iloc[:132], 12, model)
    truth = passengers.iloc[132:].to_numpy()
    assert answer.ds[answer.y_hat.argmax()].month in (7, 8)
    assert np.mean(np.abs(answer.y_hat / truth - 1)) < 0.08
    assert pinball(truth, quantiles(answer)) < 0.7 * pinball(truth, seasonal_naive(filled(passengers)[:132], 12, 12))


def test_the_blend_beats_seasonal_naive_and_its_bands_hold():
    """The promise: at most 0.80 of its pinball loss over 15 series or more, and 80 % bands that hold 70 to 90 %."""
    rows = forecasts(examples() | public(), ("Backtested blend",), origins=2)
    blend = summary(rows).loc["Backtested blend"]
    assert rows.series.nunique() >= 15
    assert blend["geometric mean"] <= 0.80 and blend["mean"] <= 0.85
    assert 0.70 <= blend["in the 80 % band"] <= 0.90


def test_numbered_rows_are_forecast_by_step():
    answer = forecast(pd.Series(np.sin(np.arange(200) / 3)), 5)
    assert answer.ds.tolist() == [200, 201, 202, 203, 204]


def test_a_gap_a_constant_and_the_shortest_series():
    with_gap = example("airline-passengers").copy()
    with_gap.iloc[50:60] = np.nan
    assert np.isfinite(quantiles(forecast(with_gap, 12))).all()
    constant = forecast(pd.Series([7.0] * 30), 10)
    assert (quantiles(constant) == 7).all() and not find_anomalies(pd.Series([7.0] * 30)).is_anomaly.any()
    shortest = pd.Series([1.0, 2, 4, 3, 5, 7, 6, 8])
    for model in (DEFAULT, FRACAST):
        assert np.isfinite(quantiles(forecast(shortest, 4, model))).all()
    assert len(find_anomalies(shortest)) == 8 and len(find_anomalies(shortest, model=FRACAST)) == 8


@pytest.mark.parametrize("n", [8, 9, 12, 17, 25, 40])
def test_short_series_never_crash(n):
    values = pd.Series(np.random.default_rng(n).normal(size=n))
    assert len(forecast(values, longest_horizon(values))) == n // 2
    assert np.isfinite(decompose(values).to_numpy()).all()


def test_very_large_and_very_small_numbers_keep_their_detail():
    wave = np.sin(np.arange(300) * 2 * np.pi / 12)
    plain = forecast(pd.Series(wave), 12, FRACAST).y_hat
    np.testing.assert_allclose(forecast(pd.Series(wave + 1e9), 12, FRACAST).y_hat - 1e9, plain, atol=1e-3)
    np.testing.assert_allclose(forecast(pd.Series(wave * 1e-9), 12, FRACAST).y_hat * 1e9, plain, atol=1e-3)


def test_counts_are_not_forecast_below_zero():
    assert (quantiles(forecast(example("sunspots"), 24)) >= 0).all()


@pytest.mark.parametrize("horizon", [0, 49, 1000])
def test_a_horizon_too_far_is_refused(horizon):
    with pytest.raises(BadInput, match="1 to 48 steps"):
        forecast(example("airline-passengers"), horizon)


def test_too_few_values_are_refused():
    with pytest.raises(BadInput, match="at least 8"):
        forecast(pd.Series([1.0, 2, 3]), 1)


def test_seasons_are_found():
    for name, season in (("airline-passengers", 12), ("energy-demand", 24), ("heartbeat", 100), ("sensor-faults", 72)):
        assert usual_season(example(name)) == season
    assert usual_season(example("stock-simulated")) == 1
    assert find_season(np.zeros(50)) == 1


def test_theta_follows_a_line_and_a_season():
    steps = np.arange(60)
    line = theta(3.0 * steps, 5, 1)
    assert np.all(np.diff(line[:, 4]) > 1) and abs(line[0, 4] - 180) < 6
    wave = 100 + 10 * np.sin(2 * np.pi * steps / 12)
    np.testing.assert_allclose(theta(wave, 12, 12)[:, 4], wave[:12], atol=1.5)


def test_the_faults_of_the_sensor_are_found():
    judged = find_anomalies(example("sensor-faults"))
    assert judged.columns.tolist() == ["ds", "y", "score", "is_anomaly"]
    flagged = np.flatnonzero(judged.is_anomaly)
    found = [any(first - 1 <= row <= end for row in flagged) for first, end in FAULTS]
    assert found == [True, True, False, True, True, True]  # a stuck sensor looks like a calm one
    assert all(any(first - 2 <= row <= end + 1 for first, end in FAULTS) for row in flagged)


def test_the_early_heartbeat_is_found_by_its_shape():
    judged = find_anomalies(example("heartbeat"))
    seconds = np.flatnonzero(judged.is_anomaly) / 125
    early = 0.35 + 8 * 0.8 - 0.27
    assert len(seconds) > 5 and np.all(np.abs(seconds - early) < 0.75)


def test_the_network_finds_faults_too():
    rng = np.random.default_rng(3)
    values = 10 * np.sin(np.arange(400) * 2 * np.pi / 24) + rng.normal(size=400)
    values[[150, 260, 333]] += [12, -14, 13]
    judged = find_anomalies(pd.Series(values), model=FRACAST)
    assert set(judged.score.nlargest(3).index) == {150, 260, 333}
    assert judged.is_anomaly.sum() <= 6


def test_injected_faults_are_found():
    """The promise: an event F1 of 0.85 or more on injected faults, at the sensitivity the tab opens with."""
    assert event_f1(anomalies(examples() | public())) >= 0.85


def test_more_sensitive_means_more_odd_points():
    counts = [find_anomalies(example("sensor-faults"), sensitivity).is_anomaly.sum() for sensitivity in (0, 0.5, 1)]
    assert 0 < counts[0] < counts[1] < counts[2]
    with pytest.raises(BadInput):
        find_anomalies(example("sensor-faults"), 1.5)


def test_a_million_values_are_cheap(tmp_path):
    when = pd.date_range("2022", periods=1_000_000, freq="min")
    rng = np.random.default_rng(0)
    values = pd.Series(5 * np.sin(2 * np.pi * np.arange(1_000_000) / 60) + rng.normal(size=1_000_000), when)
    values.iloc[500_000] += 40
    assert len(forecast(values, 48)) == 48
    assert find_anomalies(values).score.idxmax() == 500_000
    chart = forecast_chart(values, forecast(values, 48))
    assert len(chart.data[0].x) <= MOST_POINTS


def test_decimating_keeps_the_peaks():
    values = pd.Series(np.random.default_rng(0).normal(size=100_000))
    values.iloc[77_777] = 50
    shown = decimated(values)
    assert len(shown) <= MOST_POINTS and shown.max() == 50 and shown.index.is_monotonic_increasing


def test_a_backtest_compares_with_the_baselines():
    result = backtest(example("airline-passengers"), 12)
    scores = result.scores.set_index("method")
    assert scores.index.tolist() == ["Backtested blend", "Fracast-0", "Theta", "Seasonal naive"]
    assert scores.loc["Backtested blend", "pinball loss"] < scores.loc["Seasonal naive", "pinball loss"]
    assert result.errors.shape == (4, 12) and sum(result.weights.values()) == pytest.approx(1)
    assert min(result.weights, key=result.weights.get) == "Seasonal naive"
    assert backtest(example("airline-passengers"), 12, FRACAST).weights == {}
    with pytest.raises(BadInput, match="too short"):
        backtest(pd.Series(np.arange(12.0)), 6)


def test_the_words_say_what_the_chart_shows():
    series = pd.Series(np.arange(100.0, 220.0), pd.date_range("2010-01-01", periods=120, freq="MS"), name="sales")
    rise = as_frame(series, np.linspace(220, 240, 12)[:, None] + np.linspace(-5, 5, 9)[None])
    odd = pd.DataFrame({"ds": series.index[[3, 4, 50]], "y": 0.0}, index=[3, 4, 50])
    words = in_words(series, rise, 12, odd)
    assert "December 2020: about **240**, 10 % above December 2019" in words
    assert "between 235 and 245" in words and "3 odd points in 2 places." in words
    flat = as_frame(series, np.full((12, 9), 219.0))
    assert "the same as" in in_words(series, flat, 1) and "odd" not in in_words(series, flat, 1)


# Loaders of the Hub's models, on tiny checkpoints of the same classes


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    import torch
    from chronos.chronos2.config import Chronos2CoreConfig
    from chronos.chronos2.model import Chronos2Model
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config, TimesFm2_5Config, TimesFm2_5ModelForPrediction

    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    levels = [round(float(level), 1) for level in QUANTILES]
    patches = {"context_length": 512, "input_patch_size": 16, "input_patch_stride": 16, "use_reg_token": True}
    small = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 2}
    bolt = T5Config(
        **small, num_decoder_layers=2, feed_forward_proj="relu", is_encoder_decoder=True, pad_token_id=0,
        eos_token_id=1, decoder_start_token_id=0, tie_word_embeddings=False,
        chronos_config={**patches, "prediction_length": 64, "quantiles": levels},
        architectures=["ChronosBoltModelForForecasting"], chronos_pipeline_class="ChronosBoltPipeline",
    )  # fmt: skip
    ChronosBoltModelForForecasting(bolt).save_pretrained(folder / "bolt")
    second = Chronos2CoreConfig(
        **small, architectures=["Chronos2Model"], chronos_pipeline_class="Chronos2Pipeline",
        chronos_config={
            **patches, "output_patch_size": 16, "quantiles": [0.01, 0.05, *levels, 0.95, 0.99], "use_arcsinh": True,
            "max_output_patches": 8, "time_encoding_scale": 512,
        },
    )  # fmt: skip
    Chronos2Model(second).save_pretrained(folder / "chronos-2")
    timesfm = TimesFm2_5Config(
        hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        head_dim=16, output_quantile_len=128,
    )  # fmt: skip
    TimesFm2_5ModelForPrediction(timesfm).save_pretrained(folder / "timesfm")
    return folder


@pytest.mark.parametrize(
    ("name", "load", "horizon"), [("bolt", Chronos, 64), ("chronos-2", Chronos, 64), ("timesfm", TimesFm, 128)]
)
def test_hub_loaders_keep_the_contract(checkpoints, name, load, horizon):
    network = load(checkpoints / name)
    past = [np.sin(np.arange(n) / 3) + 5 for n in (8, 100, 3000)]
    answer = network(past, horizon, 1)
    assert network.max_horizon == horizon and answer.shape == (3, horizon, 9)
    assert np.isfinite(answer).all() and (np.diff(answer, axis=2) >= 0).all()
    moved = network([1000 * context - 7 for context in past], horizon, 1)
    np.testing.assert_allclose(moved, 1000 * answer - 7, rtol=1e-3, atol=1)


def test_hub_models_name_safetensors_and_are_not_here_offline():
    for model in MODELS[2:]:
        assert model.source.files == ("config.json", "model.safetensors") and not model.included
        with pytest.raises(ModelUnavailable):
            forecast(example("airline-passengers"), 12, model)


def test_the_included_models_need_nothing():
    for model in (DEFAULT, FRACAST):
        assert model.included and model.source.state() == "included"
    with models.use(FRACAST) as network:
        count = sum(p.numel() for part in (network.net.core, network.net.head) for p in part.parameters())
    assert count == FRACAST.parameters


def test_standardizing_can_be_undone():
    contexts = [np.array([5.0, 5.0, 5.0]), np.arange(10.0)]
    scaled, center, scale = standardized(contexts)
    for i, context in enumerate(contexts):
        np.testing.assert_allclose(scaled[i] * scale[i, 0, 0] + center[i, 0, 0], context)


def test_the_examples_are_what_the_script_makes():
    for name, make in TABLES.items():
        pd.testing.assert_frame_equal(
            pd.read_csv(EXAMPLES / name),
            make().astype(pd.read_csv(EXAMPLES / name).dtypes.to_dict()),
            check_dtype=False,
        )


# The tab


def test_a_run_of_the_tab_and_a_new_sensitivity(monkeypatch):
    steps = list(on_forecast(str(EXAMPLES / "sensor-faults.csv"), DEFAULT.name, 100))
    chart, words, _, odd, _, save, status, seen = steps[-1]
    assert len(steps) == 2 and "odd points" in words and "Shortened to 48 steps" in status
    assert len(chart.data) == 5 and len(odd) > 5 and pd.read_csv(save["value"]).is_anomaly.sum() == len(odd)
    assert len(pd.read_csv(steps[0][4]["value"])) == 48

    def never(*args):
        raise AssertionError("the scores were computed again")

    monkeypatch.setattr(time_series, "anomaly_scores", never)
    monkeypatch.setattr("tasks.time_series_anomalies.decompose", never)
    assert len(on_sensitivity(seen, 0.0)[2]) < len(odd) < len(on_sensitivity(seen, 0.9)[2])


def test_the_look_inside_names_the_best_method():
    seen = list(on_forecast(AIRLINE, DEFAULT.name, 12))[-1][-1]
    how, scores, errors, parts = on_inside(seen, DEFAULT.name)
    assert "did best" in how and "the blend weighs" in how and len(scores) == 4
    assert len(errors.data) == 4 and len(parts.data) == 3
    assert "Press Forecast first" in on_inside(None, DEFAULT.name)[0]


def test_corrections_of_the_columns(tmp_path):
    path = tmp_path / "shops.csv"
    rows = [f"2024-01-{day:02d},{shop},{day * k},{day}" for shop, k in (("a", 1), ("b", 3)) for day in range(1, 29)]
    path.write_text("\n".join(["date,shop,sold,staff", *rows]))
    *choices, which, said = on_file(str(path))
    assert choices[1]["choices"] == ["guess", "sold", "staff"] and which["choices"] == ["a", "b"]
    assert "28 values, one per day" in said and "one of 2 series" in said
    assert "“staff”" in on_columns(str(path), "guess", "staff", "guess", "b")[1]
    with pytest.raises(BadInput, match="no column “price”"):
        on_columns(str(path), "guess", "price", "guess", None)
    last = list(on_forecast(str(path), FRACAST.name, 7, value="sold", which="b"))[-1]
    assert last[-1].series.max() == 84


def test_pasted_and_drawn_values_become_files():
    assert series_of(read_table(on_text("1 2 3 4 5 6 7 8 9")))[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    ink = np.zeros((50, 100, 4), np.uint8)
    ink[25, :, 3] = 255
    assert series_of(read_table(on_drawing({"layers": [ink]})))[0].nunique() == 1


def test_no_table_says_what_to_do():
    with pytest.raises(BadInput, match="no table yet"):
        next(on_forecast(None, DEFAULT.name, 12))
    assert on_file(None)[-1] == "No table yet."


def test_training_in_the_tab_ends_in_a_forecast():
    *_, (loss, words, chart, importance) = on_train(
        AIRLINE, "guess", "guess", "guess", None, 12, 0, "N-HiTS-like MLP", 0
    )
    assert len(loss.data) == 2 and "of seasonal naive: better" in words
    assert len(chart.data) == 4 and len(importance.data) == 1


def test_scores_do_not_count_what_is_missing():
    series = example("sensor-faults").copy()
    series.iloc[100:110] = np.nan
    assert (anomaly_scores(series).score.iloc[100:110] == 0).all()
