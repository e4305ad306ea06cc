"""Text to speech: written words become a voice.

Networks: hibari and Kokoro-82M, see tasks/speech_synthesis.py. A voice like the visitor's: tasks/voice_matching.py.
"""

import json
import math
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import gradio as gr

from tasks import models
from tasks.errors import BadInput
from tasks.models import Model
from tasks.settings import ASSETS
from tasks.speech_charts import SHOWN_SECONDS, chart, griffin_lim
from tasks.speech_synthesis import (
    HEART,
    HIBARI,
    KOKORO,
    KOKORO_VOICES,
    PITCHES,
    SPEEDS,
    Speech,
    Voice,
    blend,
    join,
    speak,
    write_wav,
)
from tasks.spoken_text import MAX_CHARACTERS, NOTHING
from tasks.task import HEAVY, QUIET, Run, Task, duration, examples, look_inside, model_picker, result_file, status_line

SLUG = "text-to-speech"
EXAMPLE = (
    "The old keeper walked along the shore. Every evening he counted the waves: one, two, three … "
    "Then he lit the lamp, and the ships knew the way home."
)
EXAMPLES = [
    [EXAMPLE],
    ["Dr. Smith paid $9.99 on March 3rd at 7:45 p.m. See https://www.example.com/books for 12 more."],
    ["Wow! Did you really say that? I can't believe it."],
    ["Peter Piper picked a peck of pickled peppers. She sells sea shells by the sea shore."],
]
NOBODY = "nobody"
PLAYER_CSS = "p { margin: 0; min-height: 1.5em; font-size: 0.95rem; color: var(--body-text-color-subdued); }"

DEFAULT = HEART
MODELS = (HIBARI, KOKORO)
VOICES: dict[Model, tuple[Voice, ...]] = {HIBARI: (HEART,), KOKORO: KOKORO_VOICES}


def find_voice(model: Model, name: str) -> Voice:
    """The voice of this name, or a sentence that lists the names there are."""
    for voice in VOICES[model]:
        if voice.name == name:
            return voice
    names = ", ".join(voice.name for voice in VOICES[model])
    raise BadInput(f"{model.name} has no voice called {name!r}. Choose one of: {names}.")


# Tab


@dataclass(frozen=True, eq=False)  # gr.State notices another run by its identity
class Spoken:
    """What a visitor's last run said, for Look inside."""

    speeches: tuple[Speech, ...]


def build() -> None:
    spoken, stopped = gr.State(), gr.State()
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(
                EXAMPLE, label="Text", lines=4, max_lines=12, max_length=MAX_CHARACTERS, elem_id=f"{SLUG}-text"
            )
            picker = model_picker(SLUG, MODELS)
            with gr.Row():
                voice = gr.Dropdown(
                    choices(DEFAULT.model), value=DEFAULT.name, label="Voice", min_width=180, elem_id=f"{SLUG}-voice"
                )
                other = gr.Dropdown(
                    [NOBODY], value=NOBODY, label="Blended with", visible=False, min_width=180, elem_id=f"{SLUG}-other"
                )
            share = gr.Slider(
                0, 100, 50, step=5, label="Share of the other voice, %", visible=False, elem_id=f"{SLUG}-share"
            )
            with gr.Row():
                speed = gr.Slider(*SPEEDS, 1, step=0.05, label="Speed", min_width=140, elem_id=f"{SLUG}-speed")
                pitch = gr.Slider(
                    *PITCHES, 0, step=0.5, label="Pitch, semitones", min_width=140, elem_id=f"{SLUG}-pitch"
                )
            with gr.Row():
                run = gr.Button("Speak", variant="primary", min_width=120, elem_id=f"{SLUG}-run")
                stop = gr.Button("Stop", min_width=120, elem_id=f"{SLUG}-stop")
        with gr.Column():
            audio = gr.Audio(label="All of it", interactive=False, buttons=["download"], elem_id=f"{SLUG}-audio")
            player = gr.HTML(
                html_template="<p role='status'></p>", css_template=PLAYER_CSS, elem_id=f"{SLUG}-player",
                js_on_load=(ASSETS / "player.js").read_text(),
            )  # fmt: skip
            status = status_line(SLUG)
            with look_inside(SLUG) as inside:
                gr.Markdown(
                    "Before there is sound, the network decides how long every phoneme lasts, how high the voice is "
                    "(F0) and how strong (energy). Below is what became of it, as a mel spectrogram."
                )
                sentence = gr.Dropdown([], label="Sentence", visible=False, elem_id=f"{SLUG}-sentence")
                start = gr.Slider(0, 1, 0, step=1, visible=False, label="From second", elem_id=f"{SLUG}-start")
                plot = gr.Plot(show_label=False, elem_id=f"{SLUG}-plot")
                gr.Markdown(
                    "**The vocoder heard.** A spectrogram says how loud each pitch is, not how the waves lie (their "
                    "phase). The network learned to make sound; the old way, Griffin-Lim, guesses the phase of the "
                    "very same mel spectrogram. Listen to the difference."
                )
                vocoder = gr.Button("Make both", size="sm", elem_id=f"{SLUG}-vocoder")
                with gr.Row():
                    network = gr.Audio(label="Network", interactive=False, buttons=[], elem_id=f"{SLUG}-network")
                    guessed = gr.Audio(label="Griffin-Lim", interactive=False, buttons=[], elem_id=f"{SLUG}-guessed")
    examples(SLUG, EXAMPLES, [text])

    run.click(
        on_speak, [text, picker, voice, other, share, speed, pitch], [audio, status, player, spoken, stopped],
        api_name="text_to_speech", show_progress_on=[audio], **HEAVY,
    )  # fmt: skip
    # Not through `cancels`: what was said until then is kept, and can be heard and looked into.
    stop.click(on_stop, [player, stopped], player, queue=False, **QUIET)
    spoken.change(on_spoken, spoken, [sentence, start, plot, network, guessed], **QUIET)
    sentence.input(on_sentence, [spoken, sentence], [start, plot, network, guessed], **QUIET)
    gr.on([inside.expand, start.release], on_look, [spoken, sentence, start], plot, **QUIET)
    vocoder.click(on_vocoder, [spoken, sentence], [network, guessed], api_visibility="private", **HEAVY)
    picker.change(on_model, picker, [voice, other], **QUIET)
    gr.on([voice.change, other.change], on_voice, [voice, other], share, **QUIET)


def on_speak(
    text: str, model_name: str, voice: str, other: str = NOBODY, share: float = 50, speed: float = 1, pitch: float = 0
) -> Iterator[tuple]:
    """Say a text aloud.

    Args:
        text: at most 10,000 characters; English for the included voices.
        model_name: a model of the picker, e.g. "Kokoro-82M".
        voice: the name of one of its voices, e.g. "Heart".
        other: the name of a second voice to blend with, or "nobody". Kokoro-82M only.
        share: how much of the blend is the second voice, in percent.
        speed: 0.5 to 2, 1 is the voice's own.
        pitch: semitones, -12 to 12, 0 is the voice's own.

    Returns:
        The WAV file, a line that says which model ran and how long it took, and the sentences as they were played.
    """
    model = models.find(MODELS, model_name)
    speaker = find_voice(model, voice)
    if other != NOBODY:
        speaker = blend([speaker, find_voice(model, other)], [100 - share, share])
    stopped, name = threading.Event(), uuid.uuid4().hex
    yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), stopped
    run = Run(model, "cpu")
    speeches, parts, first = [], [], 0.0
    for speech in speak(text, speaker, speed, pitch):
        first = first or run.seconds
        speeches.append(speech)
        parts.append({"path": save([speech], speaker), "text": speech.text})
        yield gr.skip(), gr.skip(), news(name, parts), gr.skip(), gr.skip()
        if stopped.is_set():
            break
    if not speeches:
        raise BadInput(NOTHING)
    ran, length = run.seconds, sum(speech.seconds for speech in speeches)
    more = (
        f"first sentence after {duration(first)}",
        f"{length:.1f} s of speech",
        f"real-time factor {ran / length:.2f}",
    )
    yield (
        save(speeches, speaker),
        run.status(*more),
        news(name, parts, done=True, stopped=stopped.is_set()),
        Spoken(tuple(speeches)),
        gr.skip(),
    )


def news(run: str, parts: list[dict], done: bool = False, stopped: bool = False) -> str:
    """What assets/player.js reads."""
    return json.dumps({"run": run, "parts": parts, "done": done, "stopped": stopped})


def save(speeches: Sequence[Speech], voice: Voice) -> str:
    """The path of a WAV file that says it is no recording of a person."""
    path = result_file("speech.wav")
    comment = f"Synthetic speech: made by the neural network {voice.model.name}, voice {voice.name}. Nobody said this."
    write_wav(path, *join(speeches), comment)
    return str(path)


def on_stop(message: str | None, stopped: threading.Event | None) -> str | None:
    """Make no more sentences, and stop the playing at once."""
    if stopped:
        stopped.set()
    return message and json.dumps(json.loads(message) | {"stopped": True})


def on_spoken(spoken: Spoken):
    """The first sentence for Look inside."""
    names = [(speech.text, i) for i, speech in enumerate(spoken.speeches)]
    return gr.update(choices=names, value=0, visible=len(names) > 1), *on_sentence(spoken, 0)


def on_sentence(spoken: Spoken, sentence: int):
    later = spoken.speeches[sentence].seconds - SHOWN_SECONDS
    slider = gr.update(visible=later > 0, maximum=max(1, math.ceil(later)), value=0)
    return slider, chart(spoken.speeches[sentence], 0), None, None


def on_look(spoken: Spoken | None, sentence: int, start: float):
    """The chart from this second on."""
    return spoken and chart(spoken.speeches[sentence or 0], start)


def on_vocoder(spoken: Spoken | None, sentence: int):
    """A sentence by the network, and by Griffin-Lim from the mel spectrogram of the network's sound."""
    if not spoken:
        raise BadInput("There is no speech yet: press Speak first.")
    speech = spoken.speeches[sentence or 0]
    paths = result_file("network.wav"), result_file("griffin-lim.wav")
    for path, samples in zip(paths, (speech.samples, griffin_lim(speech.samples, speech.rate)), strict=True):
        write_wav(path, speech.rate, samples, "Synthetic speech. Nobody said this.")
    return tuple(map(str, paths))


def on_model(model_name: str):
    """The voices of a model."""
    model = models.find(MODELS, model_name)
    names = choices(model)
    mixes = bool(VOICES[model][0].mix)
    return gr.update(choices=names, value=names[0][1]), gr.update(
        choices=[NOBODY, *names] if mixes else [NOBODY], value=NOBODY, visible=mixes
    )


def on_voice(voice: str, other: str):
    return gr.update(visible=other not in (NOBODY, voice))


def choices(model: Model) -> list[tuple[str, str]]:
    return [(voice.label, voice.name) for voice in VOICES[model]]


TASK = Task(
    slug=SLUG,
    title="Text to speech",
    sentence="Write something; the network says it aloud, in one of many voices, or in one close to yours.",
    group="Language and speech",
    icon='<path d="M4 9v6h4l5 4V5L8 9H4z"/><path d="M16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12"/>',
    models=MODELS,
    build=build,
)
