"""Text to speech: written words become a voice.

Networks: hibari and Kokoro-82M, see tasks/speech_synthesis.py; Kokoro in other languages: tasks/speech_languages.py;
the Hub's: tasks/speech_networks.py. A voice like the visitor's: tasks/voice_matching.py; the visitor's own, continued:
tasks/voice_cloning.py.
"""

import json
import math
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import gradio as gr

from tasks import models, speech_languages, speech_networks, voice_cloning
from tasks.errors import BadInput
from tasks.models import Model
from tasks.settings import ASSETS
from tasks.speech_charts import SHOWN_SECONDS, chart, griffin_lim
from tasks.speech_languages import KOKORO_ABROAD
from tasks.speech_networks import BARK, SPEECHT5, VITS_LJ
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
from tasks.spoken_romance import LANGUAGES
from tasks.spoken_text import MAX_CHARACTERS, NOTHING, readable
from tasks.task import HEAVY, QUIET, Run, Task, duration, examples, look_inside, model_picker, result_file, status_line
from tasks.translation_text import guess_language
from tasks.voice_cloning import POCKET, POCKET_PT, clone_voice
from tasks.voice_matching import Consent, check_consent, consent_sentence, match_voice

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
MATCHED, CLONED = "Your match", "Your clone"
MATCHING = (
    "*Matching* looks for the nearest mix of Kokoro's 28 voices, and moves its pitch and spectrum towards yours. "
    "*Cloning* makes Pocket TTS, once it is downloaded, go on in your own voice, with your timbre and accent. "
    "A voice belongs to a person, so that person has to be here and agree. Recordings are deleted within the hour."
)
PLAYER_CSS = "p { margin: 0; color: var(--body-text-color-subdued); } p:empty { display: none; }"

DEFAULT = HEART
MODELS = (HIBARI, KOKORO, KOKORO_ABROAD, POCKET, POCKET_PT, VITS_LJ, SPEECHT5, BARK)
VOICES: dict[Model, tuple[Voice, ...]] = {HIBARI: (HEART,), KOKORO: KOKORO_VOICES}
VOICES |= speech_languages.VOICES | voice_cloning.VOICES | speech_networks.VOICES
SURE, ENOUGH = 0.6, 20  # of the language of a text, and its length, to say that the voice reads another


def find_voice(model: Model, name: str, own: Sequence[Voice] = ()) -> Voice:
    """The voice of this name, the visitor's own among them, or a sentence that lists the names there are."""
    for voice in (*own, *VOICES[model]):
        if voice.name == name and voice.model is model:
            return voice
    names = ", ".join(voice.name for voice in VOICES[model])
    raise BadInput(f"{model.name} has no voice called {name!r}. Choose one of: {names}.")


# Tab


@dataclass(frozen=True, eq=False)  # gr.State notices another run by its identity
class Spoken:
    """What a visitor's last run said, for Look inside."""

    speeches: tuple[Speech, ...]


def build() -> None:
    spoken, stopped, sentence_asked, own = gr.State(), gr.State(), gr.State(), gr.State(())
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(
                EXAMPLE, label="Text", lines=4, max_lines=12, max_length=MAX_CHARACTERS, elem_id=f"{SLUG}-text"
            )
            picker = model_picker(SLUG, MODELS)
            with gr.Row():
                voice = gr.Dropdown(
                    [(voice.label, voice.name) for voice in VOICES[DEFAULT.model]],
                    value=DEFAULT.name,
                    label="Voice",
                    min_width=180,
                    elem_id=f"{SLUG}-voice",
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
            with gr.Accordion("A voice like mine: match or clone", open=False, elem_id=f"{SLUG}-match") as match:
                gr.Markdown(MATCHING)
                sample = gr.Audio(
                    label="1. A sample of the voice, 5 seconds or more", type="filepath",
                    sources=["microphone", "upload"], buttons=[], elem_id=f"{SLUG}-sample",
                )  # fmt: skip
                shown_sentence = gr.Markdown(elem_id=f"{SLUG}-consent")
                reading = gr.Audio(
                    type="filepath", sources=["microphone"], label="2. The sentence, read aloud", buttons=[],
                    elem_id=f"{SLUG}-reading",
                )  # fmt: skip
                with gr.Row():
                    find = gr.Button("3. Match", size="sm", min_width=100, elem_id=f"{SLUG}-find")
                    clone = gr.Button("3. Clone", size="sm", min_width=100, elem_id=f"{SLUG}-clone")
                    another = gr.Button("Another sentence", size="sm", min_width=120, elem_id=f"{SLUG}-another")
                found = gr.Markdown(elem_id=f"{SLUG}-found")
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
        on_speak, [text, picker, voice, other, share, speed, pitch, own], [audio, status, player, spoken, stopped],
        api_name="text_to_speech", show_progress_on=[audio], **HEAVY,
    )  # fmt: skip
    # Not through `cancels`: what was said until then is kept, and can be heard and looked into.
    stop.click(on_stop, [player, stopped], player, queue=False, **QUIET)
    spoken.change(on_spoken, spoken, [sentence, start, plot, network, guessed], **QUIET)
    sentence.input(on_sentence, [spoken, sentence], [start, plot, network, guessed], **QUIET)
    gr.on([inside.expand, start.release], on_look, [spoken, sentence, start], plot, **QUIET)
    vocoder.click(on_vocoder, [spoken, sentence], [network, guessed], api_visibility="private", **HEAVY)
    gr.on([picker.change, own.change], on_model, [picker, own], [voice, other], **QUIET)
    gr.on([match.expand, another.click], on_ask, None, [sentence_asked, shown_sentence, reading], **QUIET)
    for button, handler in ((find, on_match), (clone, on_clone)):
        button.click(
            handler, [sample, reading, sentence_asked, own, picker], [found, own, picker], show_progress_on=[found],
            api_visibility="private", **HEAVY,
        ).success(on_ask, None, [sentence_asked, shown_sentence, reading], **QUIET)  # fmt: skip
    gr.on([voice.change, other.change], on_voice, [voice, other], share, **QUIET)


def on_speak(
    text: str, model_name: str, voice: str, other: str = NOBODY, share: float = 50, speed: float = 1, pitch: float = 0,
    own: Sequence[Voice] = (),
) -> Iterator[tuple]:  # fmt: skip
    """Say a text aloud.

    Args:
        text: at most 10,000 characters, in the language of the voice; English for the included voices.
        model_name: a model of the picker, e.g. "Kokoro-82M".
        voice: the name of one of its voices, e.g. "Heart".
        other: the name of a second voice to blend with, or "nobody". For Kokoro's voices only.
        share: how much of the blend is the second voice, in percent.
        speed: 0.5 to 2, 1 is the voice's own.
        pitch: semitones, -12 to 12, 0 is the voice's own.

    Returns:
        The WAV file, a line that says which model ran and how long it took, and the sentences as they were played.
    """
    model = models.find(MODELS, model_name)
    speaker = find_voice(model, voice, own)
    if other != NOBODY:
        mix = blend([speaker, find_voice(model, other)], [100 - share, share])
        speaker = replace(mix, pitch=speaker.pitch, taps=speaker.taps)
    stopped, name = threading.Event(), uuid.uuid4().hex
    yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), stopped
    run = Run(model, "cpu" if model.included else None)
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
    more = [
        f"first sentence after {duration(first)}",
        f"{length:.1f} s of speech",
        f"real-time factor {ran / length:.2f}",
    ]
    if hint := other_language(text, speaker):
        more.append(hint)
    _, left_out = readable(text, speaker.language)
    if left_out:
        more.append("left out, as it is in another script: " + ", ".join(left_out[:5]))
    yield (
        save(speeches, speaker),
        run.status(*more),
        news(name, parts, done=True, stopped=stopped.is_set()),
        Spoken(tuple(speeches)),
        gr.skip(),
    )


def other_language(text: str, voice: Voice) -> str:
    """A hint if a text is surely in a language that other voices read, else nothing."""
    code, share = max(guess_language(text[:1000]).items(), key=lambda item: item[1], default=("", 0))
    if code not in LANGUAGES or code == voice.language or share < SURE or len(text) < ENOUGH:
        return ""
    names = " and ".join(model.name for model in MODELS if any(v.language == code for v in VOICES[model]))
    return f"this looks like {LANGUAGES[code].name}, which can be read by: {names}"


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


def on_model(model_name: str, own: Sequence[Voice]):
    """The voices of a model; the visitor's own first."""
    model = models.find(MODELS, model_name)
    names = [(voice.label, voice.name) for voice in VOICES[model]]
    first = [(f"{voice.name} · similarity {voice.similarity:.2f}", voice.name) for voice in own if voice.model is model]
    mixes = bool(VOICES[model][0].mix)
    return gr.update(choices=first + names, value=(first + names)[0][1]), gr.update(
        choices=[NOBODY, *names] if mixes else [NOBODY], value=NOBODY, visible=mixes
    )


def on_ask():
    """Another sentence to read, which no earlier recording can hold."""
    sentence = consent_sentence()
    return sentence, f"Read this aloud, in the same voice:\n\n> {sentence}", None


def on_match(
    sample: str | None, reading: str | None, sentence: str | None, own: Sequence[Voice] = (), model_name: str = "",
) -> Iterator[tuple]:  # fmt: skip
    """The nearest voice to a sample whose speaker has read the sentence aloud."""
    consent = yield from ask_consent(sample, reading, sentence)
    yield "The right words in the same voice. Looking for the nearest mix …", gr.skip(), gr.skip()
    voice = match_voice(sample)
    text = f"{told(voice, consent, MATCHED)}<br>{voice.name} …, {voice.pitch:+.1f} semitones, spectrum bent."
    yield text, with_own(own, replace(voice, name=MATCHED)), voice.model.name


def on_clone(
    sample: str | None, reading: str | None, sentence: str | None, own: Sequence[Voice] = (), model_name: str = "",
) -> Iterator[tuple]:  # fmt: skip
    """The voice of a sample whose speaker has read the sentence aloud, by the chosen model if it can clone."""
    model = next((model for model in voice_cloning.MODELS if model.name == model_name), POCKET)
    consent = yield from ask_consent(sample, reading, sentence, model)
    yield f"The right words in the same voice. {model.name} listens to it …", gr.skip(), gr.skip()
    voice = clone_voice(sample, model)
    yield told(voice, consent, CLONED), with_own(own, replace(voice, name=CLONED)), model.name


def ask_consent(
    sample: str | None, reading: str | None, sentence: str | None, cloner: Model | None = None
) -> Iterator[tuple]:
    """Check that the speaker of a sample has read the sentence aloud; returns what was heard."""
    if not sample:
        raise BadInput("There is no sample yet: record or upload at least five seconds of the voice.")
    if not reading or not sentence:
        # The page shows a recording while it is still being sent.
        raise BadInput(
            "Your consent is missing: record yourself reading the sentence aloud. "
            "If you just did, try again in a moment."
        )
    if cloner:
        voice_cloning.ask_for(cloner)
    yield "Listening to the sentence …", gr.skip(), gr.skip()
    return check_consent(sentence, reading, sample)


def told(voice: Voice, consent: Consent, name: str) -> str:
    return (
        f"**Similarity {voice.similarity:.2f}.** Your two recordings reach {consent.similarity:.2f}, "
        f"two people 0.5 to 0.65. It is among the voices now, as *{name}*."
    )


def with_own(own: Sequence[Voice], newcomer: Voice) -> tuple[Voice, ...]:
    """The visitor's voices, with one that takes the place of the last of its kind."""
    return *(voice for voice in own if (voice.name, voice.model) != (newcomer.name, newcomer.model)), newcomer


def on_voice(voice: str, other: str):
    return gr.update(visible=other not in (NOBODY, voice))


TASK = Task(
    slug=SLUG,
    title="Text to speech",
    sentence="Write something; the network says it aloud, in one of many voices, or in one close to yours.",
    group="Language and speech",
    icon='<path d="M4 9v6h4l5 4V5L8 9H4z"/><path d="M16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12"/>',
    models=MODELS,
    build=build,
)
