"""Networks that learn one series: they learn, stop, repeat themselves with a seed, and say when they cannot."""

import numpy as np
import pytest
import torch

from tasks.errors import BadInput
from tasks.settings import EXAMPLES
from tasks.time_series_models import pinball, seasonal_naive
from tasks.time_series_table import filled, read_table, series_of
from tasks.time_series_training import ARCHITECTURES, STEPS, network, train


def airline() -> np.ndarray:
    return filled(series_of(read_table(EXAMPLES / "airline-passengers.csv"))[0])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_architecture_learns_what_comes_next(architecture):
    passengers = airline()
    *_, last = train(passengers[:-12], 12, 12, architecture, seconds=60)
    assert last.done and last.forecast.shape == (12, 9) and (np.diff(last.forecast, axis=1) >= 0).all()
    assert np.mean(last.train_loss[-10:]) < 0.5 * np.mean(last.train_loss[:10])
    assert min(last.held_out_loss) < last.held_out_loss[0]
    truth = passengers[-12:]
    assert pinball(truth, last.forecast) < 0.8 * pinball(truth, seasonal_naive(passengers[:-12], 12, 12))
    assert last.widened >= 1 and last.skill < 1
    assert last.importance.sum() == pytest.approx(1, abs=1e-3)


def test_the_lag_that_makes_the_series_matters_most():
    rng = np.random.default_rng(0)
    values = np.zeros(600)
    for i in range(10, 600):
        values[i] = 0.95 * values[i - 10] + rng.normal()
    *_, last = train(values, 1, 1, "N-HiTS-like MLP", seconds=60)
    assert len(last.importance) - int(last.importance.argmax()) == 10


def test_the_same_seed_gives_the_same_network():
    first, again, other = (
        list(train(airline(), 12, 12, "GRU", seed=seed, seconds=60))[-1].forecast for seed in (1, 1, 2)
    )
    np.testing.assert_allclose(first, again, rtol=1e-5)
    assert not np.allclose(first, other, rtol=1e-3)


def test_training_ends_early_or_in_time():
    steps = list(train(airline(), 12, 12, "LSTM", seconds=60))
    assert len(steps[-1].train_loss) < STEPS and steps[-1].done
    hurried = list(train(airline(), 12, 12, "LSTM", seconds=0.0))[-1]
    assert len(hurried.train_loss) == 1 and hurried.done and np.isfinite(hurried.forecast).all()


def test_a_closed_generator_stops():
    running = train(airline(), 12, 12, "LSTM", seconds=60)
    next(running)
    running.close()
    assert next(running, None) is None


@pytest.mark.parametrize(
    ("values", "said"), [(np.arange(20.0), "too few"), (np.ones(200), "constant")], ids=["short", "constant"]
)
def test_what_cannot_be_learned_is_said(values, said):
    with pytest.raises(BadInput, match=said):
        next(train(values, 12, 1))
    with pytest.raises(BadInput, match="no architecture"):
        next(train(airline(), 12, 12, "perceptron"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("length", "season"), [(8, 1), (24, 12), (320, 400)])
def test_every_window_fits(architecture, length, season):
    answer = network(architecture, length, 5, season)(torch.randn(3, length))
    assert answer.shape == (3, 5, 9)
