"""Speech recognition: what was said, when, and in which language?

Networks: Whisper and Distil-Whisper, see tasks/whisper.py.
"""

import base64
import html
import json
import math
import threading
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import gradio as gr
import numpy as np

from tasks import models
from tasks.drawing import CHART
from tasks.inputs import MAX_MINUTES, read_audio
from tasks.models import Model
from tasks.settings import ASSETS, EXAMPLES
from tasks.task import HEAVY, QUIET, Run, Task, examples, look_inside, model_picker, result_file, send_to, status_line
from tasks.whisper import BASE, DISTIL_SMALL_EN, LANGUAGES, RATE, SMALL, TINY_EN, TURBO, Transcript, Word

SLUG = "speech-recognition"
EDGE_SECONDS = 2  # live: words so near the end may still be cut off
SETTLE_SECONDS = 12  # live: what lies further back is not listened to again
FORMS = {"srt": "Subtitles .srt", "vtt": "Web .vtt", "txt": "Text .txt"}
LIVE_CSS = """
button { width: 100%; padding: 10px; border-radius: 8px; font-weight: 600; cursor: pointer; }
button { background: var(--button-secondary-background-fill); color: var(--button-secondary-text-color); }
&[data-listening="true"] button { background: #b91c1c; color: white; }
p { margin: 6px 0 0; font-size: 0.88rem; color: var(--body-text-color-subdued); }
"""
SURENESS = [[0, "#fca5a5"], [0.5, "#fcd34d"], [1, "#5eead4"]]  # colours of probabilities, under dark letters
SHOWN_SECONDS = 5  # of the spectrogram: on a phone the words of more would not be readable

DEFAULT = BASE
MODELS = (BASE, TINY_EN, SMALL, DISTIL_SMALL_EN, TURBO)
ENGLISH_ONLY = (TINY_EN, DISTIL_SMALL_EN)


# Inference


def transcribe(audio, model: Model = DEFAULT, language: str | None = None) -> Transcript:
    """The words of a recording, with times, probabilities and the language.

    Args:
        audio: a path, or (sample rate, samples), as `inputs.read_audio` takes them; at most MAX_MINUTES.
        model: one of MODELS.
        language: a code of LANGUAGES, or None to let the network guess from the first 30 seconds of speech.

    Raises:
        BadInput: the recording cannot be read, or the model does not know the language.
        ModelUnavailable: the weights are not here.
    """
    *_, transcript = transcribe_stepwise(audio, model, language)
    return transcript


def transcribe_stepwise(audio, model: Model = DEFAULT, language: str | None = None) -> Iterator[Transcript]:
    """Like `transcribe`, but yields the growing transcript: at least once, and the last one is whole."""
    samples = read_audio(audio, RATE)
    with models.use(model) as network:
        yield from network(samples, language)


class Live:
    """Somebody is speaking: the sound so far, and the words so far.

    Whisper reads whole stretches, not a stream. So the latest stretch is read again and again while it grows; once it
    is longer than SETTLE_SECONDS, the words before its longest pause are settled and not listened to again.
    """

    def __init__(self):
        self.samples = np.zeros(0, np.float32)
        self.transcript = Transcript("", "", (), {}, 0.0)
        self.settled: tuple[Word, ...] = ()
        self.settled_seconds = 0.0

    def feed(self, audio) -> None:
        """Append sound, as `inputs.read_audio` takes it. What comes after MAX_MINUTES is dropped."""
        self.samples = np.concatenate([self.samples, read_audio(audio, RATE)])[: MAX_MINUTES * 60 * RATE]

    def listen(self, model: Model, language: str | None = None) -> Transcript:
        """The transcript of all that was fed."""
        seconds, offset = len(self.samples) / RATE, self.settled_seconds
        if seconds == self.transcript.seconds:
            return self.transcript
        if not language and max(self.transcript.languages.values(), default=0) > 0.8:
            language = self.transcript.language  # to guess takes as long as to read
        latest = transcribe((RATE, self.samples[int(offset * RATE) :]), model, language)
        words = [replace(word, start=word.start + offset, end=word.end + offset) for word in latest.words]
        if seconds - offset > SETTLE_SECONDS:
            self._settle(words, seconds)
        words = self.settled + tuple(word for word in words if word.start >= self.settled_seconds)
        self.transcript = Transcript(
            "".join(word.word for word in words).strip(),
            latest.language or self.transcript.language,
            words,
            latest.languages or self.transcript.languages,
            seconds,
        )
        return self.transcript

    def _settle(self, words: Sequence[Word], seconds: float) -> None:
        """Settle the words before the longest pause, if it is not too near the end, where words are still cut off."""
        pauses = [
            (after.start - before.end, (before.end + after.start) / 2)
            for before, after in pairwise(words)
            if after.start < seconds - EDGE_SECONDS
        ]
        if pauses:
            self.settled_seconds = max(pauses)[1]
        elif not words:
            self.settled_seconds = seconds - 1
        self.settled += tuple(word for word in words if word.start < self.settled_seconds)


def subtitles(transcript: Transcript, form: str) -> str:
    """The text of a .srt, .vtt or .txt file. form: "srt", "vtt" or "txt"."""
    if form == "txt":
        return transcript.text + "\n"
    point = "," if form == "srt" else "."
    parts = ["WEBVTT"] if form == "vtt" else []
    for number, words in enumerate(cues(transcript.words), 1):
        text = "".join(word.word for word in words).strip()
        text = html.escape(text, quote=False) if form == "vtt" else text
        times = f"{timestamp(words[0].start, point)} --> {timestamp(words[-1].end, point)}"
        parts.append(f"{number}\n{times}\n{text}")
    return "\n\n".join(parts) + "\n"


def cues(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Words in groups that are read at a glance: at most 6 s or 80 letters, broken at pauses and ends of sentences."""
    cue: list[Word] = []
    for word in words:
        letters = sum(len(w.word) for w in cue) + len(word.word)
        if cue and (
            cue[-1].word.endswith((".", "!", "?", "。", "！", "？"))
            or word.start - cue[-1].end > 0.8
            or word.end - cue[0].start > 6
            or letters > 80
        ):
            yield cue
            cue = []
        cue.append(word)
    if cue:
        yield cue


def timestamp(seconds: float, point: str) -> str:
    """3661.5 -> "01:01:01,500"."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


# Look inside: the picture of the sound, and the words on it


def chart(audio, transcript: Transcript, model: Model, start: float):
    """A plotly figure: SHOWN_SECONDS of the log-mel spectrogram from `start`, and above it the words at their times."""
    import plotly.graph_objects as go

    samples = read_audio(audio, RATE)[int(start * RATE) : int((start + SHOWN_SECONDS) * RATE)]
    with models.use(model) as network:
        mel, frequencies = network.log_mel(samples), network.mel_frequencies()
    bands = len(mel)
    loudness = ((mel - mel.min()) / max(np.ptp(mel), 1e-9) * 255).astype(np.uint8)
    words = [word for word in transcript.words if word.end > start and word.start < start + SHOWN_SECONDS]
    kilohertz = (0.5, 1, 2, 4)
    figure = go.Figure(
        [
            go.Heatmap(
                z=loudness, zmin=0, zmax=255, x0=start, dx=0.01, colorscale="Magma", showscale=False, hoverinfo="skip"
            ),
            go.Bar(
                x=[(word.start + word.end) / 2 for word in words],
                width=[max(word.end - word.start, 0.05) for word in words],
                y=[bands] * len(words),
                base=bands + 2,
                text=[word.word.strip() for word in words],
                textangle=-90,
                textposition="inside",
                insidetextanchor="start",
                constraintext="none",
                textfont={"color": "#1c1917"},
                customdata=[(word.start, word.end, word.probability) for word in words],
                hovertemplate="%{text}<br>%{customdata[0]:.2f} to %{customdata[1]:.2f} s<br>"
                "probability %{customdata[2]:.0%}<extra></extra>",
                marker={
                    "color": [word.probability for word in words],
                    "colorscale": SURENESS,
                    "cmin": 0,
                    "cmax": 1,
                    "colorbar": {
                        "orientation": "h", "y": 1, "yanchor": "bottom", "thickness": 8, "tickformat": ".0%",
                        "title": {"text": "probability of each word", "side": "top"},
                    },
                },
            ),
        ]
    )  # fmt: skip
    figure.update_xaxes(ticksuffix=" s", range=[start, start + SHOWN_SECONDS])
    figure.update_yaxes(
        tickvals=[int(np.abs(frequencies - 1000 * k).argmin()) for k in kilohertz],
        ticktext=[f"{k} kHz" for k in kilohertz],
    )
    figure.update_layout(
        height=420, margin={"l": 50, "r": 10, "t": 60, "b": 30}, showlegend=False, dragmode=False,
        **CHART,
    )  # fmt: skip
    return figure


# Tab


@dataclass(frozen=True, eq=False)  # gr.State notices another run by its identity
class Heard:
    """What a visitor's last run heard, for the downloads and for Look inside."""

    transcript: Transcript
    path: str
    model: Model


def build() -> None:
    heard, live, stopped = gr.State(), gr.State(), gr.State()
    with gr.Row():
        with gr.Column():
            audio = gr.Audio(
                str(EXAMPLES / "kennedy.flac"), type="filepath", sources=["upload", "microphone"],
                label="Recording", elem_id=f"{SLUG}-audio", buttons=[],
            )  # fmt: skip
            picker = model_picker(SLUG, MODELS)
            language = gr.Dropdown(
                [("guess it", ""), *sorted((name, code) for code, name in LANGUAGES.items())], value="",
                label="Spoken language", elem_id=f"{SLUG}-language",
            )  # fmt: skip
            with gr.Row():
                run = gr.Button("Transcribe", variant="primary", min_width=120, elem_id=f"{SLUG}-run")
                stop = gr.Button("Stop", min_width=120, elem_id=f"{SLUG}-stop")
            with gr.Accordion("Live: the words appear while you speak", open=False, elem_id=f"{SLUG}-live"):
                microphone = gr.HTML(
                    html_template="<button type='button'>Speak</button><p role='status'></p>", css_template=LIVE_CSS,
                    js_on_load=(ASSETS / "microphone.js").read_text(), elem_id=f"{SLUG}-microphone",
                )  # fmt: skip
        with gr.Column():
            text = gr.Textbox(
                label="What was said", lines=8, max_lines=16, buttons=["copy"], placeholder="The words appear here.",
                elem_id=f"{SLUG}-text",
            )  # fmt: skip
            status = status_line(SLUG)
            with gr.Row():
                downloads = [
                    gr.DownloadButton(label, size="sm", visible=False, min_width=80, elem_id=f"{SLUG}-{form}")
                    for form, label in FORMS.items()
                ]
            with gr.Row():
                answer = gr.Button("Send to text generation", size="sm", min_width=120, elem_id=f"{SLUG}-answer")
                translate = gr.Button("Send to translation", size="sm", min_width=120, elem_id=f"{SLUG}-translate")
            send_to(answer, text, "text-generation-message")
            send_to(translate, text, "translation-text")
            with look_inside(SLUG) as inside:
                gr.Markdown(
                    "The network does not hear sound. It reads this picture of it, the log-mel spectrogram: time from "
                    "left to right, pitch from low to high, bright is loud. Every word stands where it was found."
                )
                start = gr.Slider(0, 1, 0, step=1, visible=False, label="From second", elem_id=f"{SLUG}-start")
                plot = gr.Plot(show_label=False, elem_id=f"{SLUG}-plot")
                guess = gr.Label(label="Language guess", num_top_classes=5, elem_id=f"{SLUG}-guess")
    examples(SLUG, ["kennedy.flac", "austen.flac", "austen-in-noise.flac", "spanish-robot.flac"], [audio])

    run.click(
        on_transcribe, [audio, picker, language], [text, guess, status, heard, stopped],
        api_name="speech_recognition", **HEAVY,
    )  # fmt: skip
    # Not through `cancels`: what was read until then is kept, looked into and downloaded.
    stop.click(lambda stopped: stopped and stopped.set(), stopped, None, queue=False, **QUIET)
    microphone.input(
        on_sound, [microphone, live, picker, language], [microphone, live, text, guess, status, heard, audio],
        trigger_mode="multiple", **QUIET, **HEAVY,
    ).failure(lambda: "The recording was stopped.", None, microphone, **QUIET)  # fmt: skip
    heard.change(on_heard, heard, [*downloads, guess, start, plot], **QUIET)
    gr.on([inside.expand, start.release], on_look, [heard, start], plot, **QUIET)
    picker.change(
        lambda name: gr.update(value="", visible=models.find(MODELS, name) not in ENGLISH_ONLY),
        picker,
        language,
        **QUIET,
    )


def on_transcribe(audio: str, model_name: str, language: str) -> Iterator[tuple]:
    """Write down what is said in a recording.

    Args:
        audio: the recording, at most 20 MB and 10 minutes.
        model_name: a model of the picker, e.g. "Whisper base".
        language: the code of the spoken language, e.g. "en" or "pt"; empty to let the network guess.

    Returns:
        The text, the guessed languages with their probabilities, and a line that says which model ran and how long.
    """
    stopped = threading.Event()
    yield *[gr.skip()] * 4, stopped
    run = Run(models.find(MODELS, model_name), "cpu")
    for transcript in transcribe_stepwise(audio, run.model, language or None):
        yield *shown(transcript, run), gr.skip(), gr.skip()
        if stopped.is_set():
            break
    yield *shown(transcript, run), Heard(transcript, audio, run.model), gr.skip()


def on_sound(message: str, live: Live | None, model_name: str, language: str) -> tuple:
    """More of what somebody is saying; at the end, the recording is handed over to be played, looked at and run again.

    message: as assets/microphone.js sends it.
    """
    sound = json.loads(message)
    if sound["first"] or live is None:
        live = Live()
    if samples := base64.b64decode(sound["samples"]):
        live.feed((sound["rate"], np.frombuffer(samples, np.int16)))
    run = Run(models.find(MODELS, model_name), "cpu")
    transcript = live.listen(run.model, language or None)
    full = transcript.seconds >= MAX_MINUTES * 60
    if not (sound["ended"] or full):
        return "", live, *shown(transcript, run), gr.skip(), gr.skip()
    path = str(result_file("recording.wav"))
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", None))
        file.writeframes((live.samples * 32767).astype("<i2").tobytes())
    note = f"After {MAX_MINUTES} minutes the recording was stopped." if full else ""
    return note, None, *shown(transcript, run), Heard(transcript, path, run.model), path


def shown(transcript: Transcript, run: Run) -> tuple[str, dict | None, str]:
    """Text, language guess and status line."""
    languages = {LANGUAGES[code]: share for code, share in transcript.languages.items()}
    if not transcript.text:
        return "", None, f"**No speech found.** {run.status()}"
    language = LANGUAGES[transcript.language]
    if language in languages:
        language += f" ({languages[language]:.0%} sure)"
    return transcript.text, languages or None, run.status(language, f"{transcript.seconds:.1f} s of sound")


def on_heard(heard: Heard):
    """Offer the transcript as files, and show the first seconds of what the network saw."""
    files = []
    for form in FORMS:
        path = result_file(f"transcript.{form}")
        path.write_text(subtitles(heard.transcript, form), encoding="utf-8")
        files.append(gr.update(visible=bool(heard.transcript.words), value=str(path)))
    later = heard.transcript.seconds - SHOWN_SECONDS
    slider = gr.update(visible=later > 0, maximum=max(1, math.ceil(later)), value=0)
    return *files, gr.update(visible=bool(heard.transcript.languages)), slider, on_look(heard, 0)


def on_look(heard: Heard | None, start: float):
    """The spectrogram and the words from this second on."""
    return heard and chart(heard.path, heard.transcript, heard.model, start)


TASK = Task(
    slug=SLUG,
    title="Speech recognition",
    sentence="Speak, or bring a recording; the network writes down every word and when it was said.",
    group="Language and speech",
    icon='<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5 11a7 7 0 0 0 14 0M12 18v3"/>',
    models=MODELS,
    build=build,
)
