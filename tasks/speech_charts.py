"""What is inside speech: phonemes in time, melody, strength, mel spectrogram, and the way back from it to sound."""

from collections.abc import Iterator

import numpy as np

from tasks.drawing import CHART
from tasks.speech_synthesis import FRAME, RATE, Prosody, Speech

MELS = 80
WINDOW, HOP = 1024, 256  # samples: 43 ms every 11 ms, as most vocoders are trained on
GRIFFIN_LIM_STEPS = 32
SHOWN_SECONDS = 2  # on a phone the phonemes of more would not be readable
IPA = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "W": "aʊ", "Y": "ɔɪ", "Q": "əʊ", "T": "ɾ", "ʤ": "dʒ", "ʧ": "tʃ", "ᵊ": "ə",
}  # fmt: skip
STRESS = "ˈˌ"
LILAC, AMBER, TEAL = "#8b5cf6", "#d97706", "#14a39a"


def sounds(prosody: Prosody) -> Iterator[tuple[str, float, float]]:
    """(sign of the International Phonetic Alphabet, start, end in seconds). A stress mark goes with what follows it."""
    mark, begin = "", None
    for sign, start, end in zip(prosody.phonemes, prosody.starts, prosody.starts[1:], strict=False):
        begin = start if begin is None else begin
        if sign in STRESS:
            mark += sign
            continue
        if sign.strip() and end > begin:
            yield mark + IPA.get(sign, sign), float(begin), float(end)
        mark, begin = "", None


def mel_power(samples: np.ndarray, rate: int) -> np.ndarray:
    """(MELS, frames): the energy in each band of the mel scale, HOP samples apart. samples: int16 (n,)."""
    import librosa

    wave = samples.astype(np.float32) / 32768
    return librosa.feature.melspectrogram(y=wave, sr=rate, n_fft=WINDOW, hop_length=HOP, n_mels=MELS)


def griffin_lim(samples: np.ndarray, rate: int) -> np.ndarray:
    """int16 (n,): what is left of a sound when only its mel spectrogram is kept, and the phase is guessed.

    Griffin and Lim 1984: beginning with random phase, turn spectrum into wave and wave into spectrum, again and again,
    and keep each time the phase but not the magnitudes.
    """
    import librosa

    power = mel_power(samples, rate)
    magnitude = librosa.feature.inverse.mel_to_stft(power, sr=rate, n_fft=WINDOW)
    wave = librosa.griffinlim(
        magnitude, n_iter=GRIFFIN_LIM_STEPS, hop_length=HOP, n_fft=WINDOW, length=len(samples), random_state=0
    )
    loudness = np.sqrt(np.mean(samples.astype(np.float32) ** 2)) / max(np.sqrt(np.mean(wave**2)), 1e-9)
    peak = np.abs(wave).max(initial=1e-9)
    return (wave * min(loudness, 0.97 * 32767 / peak)).astype(np.int16)


def chart(speech: Speech, start: float):
    """A plotly figure of SHOWN_SECONDS from `start`: wave and phonemes, pitch and energy, mel spectrogram."""
    from plotly.subplots import make_subplots

    end = min(start + SHOWN_SECONDS, speech.seconds)
    figure = make_subplots(
        3, 1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.36, 0.26, 0.38],
        specs=[[{}], [{"secondary_y": True}], [{}]],
    )  # fmt: skip
    x, low, high = envelope(speech, start, end)
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself", mode="lines",
        line={"width": 0.5, "color": TEAL}, fillcolor=TEAL, hoverinfo="skip", row=1, col=1,
    )  # fmt: skip
    prosody = speech.prosody
    if prosody:
        spans = [(sign, a, b) for sign, a, b in sounds(prosody) if b > start and a < end]
        figure.add_bar(
            x=[(a + b) / 2 for _, a, b in spans], width=[b - a for _, a, b in spans], y=[0.5] * len(spans), base=1.05,
            text=[sign for sign, _, _ in spans], textposition="inside", insidetextanchor="middle", textangle=0,
            constraintext="none", textfont={"size": 12, "color": "#1c1917"}, cliponaxis=False,
            marker={"color": ["#99f6e4", "#ccfbf1"] * len(spans), "line": {"width": 0}},
            customdata=[(a, round(1000 * (b - a))) for _, a, b in spans],
            hovertemplate="%{text}<br>at %{customdata[0]:.2f} s, %{customdata[1]} ms<extra></extra>", row=1, col=1,
        )  # fmt: skip
        times = np.arange(len(prosody.f0)) * FRAME / RATE
        shown = (times >= start) & (times <= end)
        figure.add_scatter(
            x=times[shown], y=np.where(prosody.f0 > 0, prosody.f0, np.nan)[shown], name="pitch F0",
            line={"color": LILAC, "width": 3}, hovertemplate="%{y:.0f} Hz<extra></extra>", row=2, col=1,
        )  # fmt: skip
        figure.add_scatter(
            x=times[shown], y=prosody.energy[shown], name="energy", line={"color": AMBER, "width": 1.5},
            hoverinfo="skip", row=2, col=1, secondary_y=True,
        )  # fmt: skip
    decibels = 10 * np.log10(mel_power(speech.samples, speech.rate) + 1e-8)
    frames = slice(int(start * speech.rate / HOP), int(end * speech.rate / HOP) + 1)
    figure.add_heatmap(
        z=(decibels - decibels.max()).clip(-70, 0).round()[:, frames], x0=start, dx=HOP / speech.rate,
        colorscale="Magma", showscale=False, hoverinfo="skip", row=3, col=1,
    )  # fmt: skip
    ticks = mel_ticks(speech.rate)
    figure.update_xaxes(range=[start, end], ticksuffix=" s", showgrid=False)
    figure.update_yaxes(visible=False, range=[-1, 1.55], row=1, col=1)
    figure.update_yaxes(title="F0, Hz", row=2, col=1, secondary_y=False, showgrid=False, zeroline=False)
    figure.update_yaxes(visible=False, row=2, col=1, secondary_y=True)
    figure.update_yaxes(tickvals=list(ticks), ticktext=list(ticks.values()), showgrid=False, row=3, col=1)
    figure.update_layout(
        height=520, margin={"l": 55, "r": 10, "t": 10, "b": 30}, dragmode=False, bargap=0, barmode="overlay",
        **CHART, showlegend=True,
        legend={"orientation": "h", "y": -0.08, "yanchor": "top"},
    )  # fmt: skip
    for trace in figure.data[:2]:
        trace.showlegend = False
    return figure


def envelope(speech: Speech, start: float, end: float, points: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(seconds, lowest, highest), `points` long: the outline of the wave, its highest at 1."""
    part = speech.samples[int(start * speech.rate) : int(end * speech.rate)].astype(np.float32)
    step = max(1, len(part) // points)
    blocks = part[: len(part) // step * step].reshape(-1, step) / max(1, np.abs(speech.samples).max(initial=1))
    return start + np.arange(len(blocks)) * step / speech.rate, blocks.min(1), blocks.max(1)


def mel_ticks(rate: int) -> dict[int, str]:
    """Band -> frequency, for an axis."""
    import librosa

    centres = librosa.mel_frequencies(MELS, fmax=rate / 2)
    return {int(np.abs(centres - 1000 * k).argmin()): f"{k} kHz" for k in (0.5, 1, 2, 4, 8)}
