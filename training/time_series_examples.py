"""Makes the simulated tables of assets/examples: energy demand, a heartbeat, a stock, a sensor with faults.

    python -m training.time_series_examples [folder]

Every number comes from a seed, so anyone gets the same files. The measured tables beside them (airline passengers,
sunspots, carbon dioxide) are copies of published data, credited in assets/examples/CREDITS.md.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.settings import EXAMPLES


def energy_demand() -> pd.DataFrame:
    """Twelve weeks of hourly demand (MW): two peaks a day, quiet week-ends, cold spells that come and go."""
    rng = np.random.default_rng(1)
    time = pd.date_range("2024-01-08", periods=24 * 7 * 12, freq="h")
    hour = time.hour.to_numpy()
    working = time.day_of_week.to_numpy() < 5
    day = np.exp(-((hour - 8.5) ** 2) / 8) * np.where(working, 1.0, 0.45)
    evening = 1.25 * np.exp(-((hour - 18.5) ** 2) / 9) + 0.55 * np.exp(-((hour - 13) ** 2) / 20)
    cold = walk(rng, len(time), memory=0.995, step=6.0)
    noise = walk(rng, len(time), memory=0.7, step=11.0)
    demand = 820 + 260 * day + 240 * evening - 70 * ~working + cold + noise
    return pd.DataFrame({"time": time, "demand_mw": demand.round(1)})


def heartbeat() -> pd.DataFrame:
    """Ten seconds of an electrocardiogram at 125 Hz (mV): P, Q, R, S, T as bells (McSharry 2003), one beat too early.

    The early beat starts in the ventricle: wide, tall, without P, and followed by a pause. The others come as evenly as
    from a pacemaker, 75 a minute.
    """
    rng = np.random.default_rng(4)
    seconds = np.arange(0, 10, 1 / 125)
    beats = 0.35 + 0.8 * np.arange(13)
    early = 8
    beats[early] -= 0.27
    normal = [(-0.2, 0.025, 0.15), (-0.03, 0.01, -0.12), (0, 0.011, 1.1), (0.03, 0.011, -0.25), (0.26, 0.045, 0.3)]
    ventricular = [(0, 0.045, 1.5), (0.1, 0.05, -0.7), (0.3, 0.06, -0.35)]
    volts = 0.02 * np.sin(2 * np.pi * 0.25 * seconds) + 0.012 * rng.standard_normal(len(seconds))
    for i, beat in enumerate(beats):
        for shift, width, height in ventricular if i == early else normal:
            volts += height * np.exp(-(((seconds - beat - shift) / width) ** 2) / 2)
    return pd.DataFrame({"time_s": seconds.round(3), "ecg_mv": volts.round(4)})


def stock() -> pd.DataFrame:
    """Two years of daily closes of a company that does not exist: a geometric random walk, nothing to predict."""
    rng = np.random.default_rng(7)
    days = pd.bdate_range("2023-01-02", periods=520)
    returns = 0.0003 + 0.014 * rng.standard_t(5, len(days)) / np.sqrt(5 / 3)
    return pd.DataFrame({"date": days, "close": (100 * np.exp(np.cumsum(returns))).round(2)})


def sensor() -> pd.DataFrame:
    """Two weeks of a machine's temperature every 20 minutes (°C), with six faults at known places (see FAULTS)."""
    rng = np.random.default_rng(11)
    time = pd.date_range("2024-06-03", periods=72 * 14, freq="20min")
    phase = 2 * np.pi * np.arange(len(time)) / 72
    celsius = 41 + 4 * np.sin(phase - 2) + 1.2 * np.sin(2 * phase) + walk(rng, len(time), memory=0.9, step=0.25)
    celsius[211] += 9  # a spike
    celsius[388:391] -= 11  # a loose contact
    celsius[520:532] = celsius[519]  # stuck
    celsius[655] -= 8
    celsius[760:772] += 6.5  # a shifted level
    celsius[905:911] += 4 * rng.standard_normal(6)  # a burst of noise
    return pd.DataFrame({"time": time, "celsius": celsius.round(2)})


# Rows of the sensor's faults, first and one past the last. The stuck stretch still follows the day roughly.
FAULTS = ((211, 212), (388, 391), (520, 532), (655, 656), (760, 772), (905, 911))


def walk(rng: np.random.Generator, n: int, memory: float, step: float) -> np.ndarray:
    """An autoregressive process of order 1, (n,)."""
    values = np.zeros(n)
    for i in range(1, n):
        values[i] = memory * values[i - 1] + step * rng.standard_normal()
    return values


TABLES = {
    "energy-demand.csv": energy_demand,
    "heartbeat.csv": heartbeat,
    "stock-simulated.csv": stock,
    "sensor-faults.csv": sensor,
}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLES
    for name, make in TABLES.items():
        make().to_csv(folder / name, index=False)
