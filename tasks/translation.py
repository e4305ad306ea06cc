"""Translation: the same in another language, from text or from speech.

Networks: Mozilla's tiny students, see tasks/marian_student.py; OPUS-MT, M2M100 and SMaLL-100 from the Hub, see
tasks/translation_engines.py; and Whisper, which hears many languages and writes English, see tasks/whisper.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import gradio as gr

from tasks import models
from tasks.errors import BadInput
from tasks.inputs import read_audio
from tasks.models import Model
from tasks.settings import EXAMPLES
from tasks.speech_synthesis import say
from tasks.spoken_romance import LANGUAGES as READ_ALOUD
from tasks.task import (
    HEAVY,
    QUIET,
    Run,
    Stop,
    Task,
    examples,
    look_inside,
    model_picker,
    result_file,
    send_to,
    status_line,
)
from tasks.translation_inside import (
    CANDIDATES_CSS,
    PIECES_CSS,
    Inside,
    alignment_chart,
    candidates_table,
    pieces_line,
)
from tasks.translation_models import DEFAULT, LISTENERS, TRANSLATORS, Translator
from tasks.translation_text import LANGUAGES, clean, guess_language, prepare, split, translate_sentences
from tasks.whisper import LANGUAGES as SPOKEN
from tasks.whisper import RATE

SLUG = "translation"
MOST_CHARACTERS = 20_000
BEAM = 4  # candidates shown in Look inside
SURE = 0.6  # of a guess among the languages a model reads
EVIDENT = 0.75  # of a guess among all languages, to contradict a visitor,
HARDLY = 0.02, 0.3  # or else as little for what should be and as much for the likeliest
GUESS = 2000  # characters looked at to guess the language
MODELS = (*TRANSLATORS, *LISTENERS)
FORMS = ("Text", "Speech to English")
TEXTS = [
    "My grandmother lives in a small white house by the sea. I visit her every Sunday at 9:30, and we bake the best "
    "chocolate cake in the world. Would you like to come with us?",
    "Bom dia! O meu nome é Inês e moro em Coimbra. Gostaria de reservar uma mesa para quatro pessoas. 😊",
    "Shopping list:\n- 2 bottles of milk\n- bread and butter\n- 1,500 g of potatoes\n\n"
    "Write to anna@example.org if you need anything else.",
    "It's raining cats and dogs. Thank you.",  # wrong, and worth seeing
]


# Inference


@dataclass(frozen=True)
class Translation:
    """A translation, whole or growing.

    Args:
        text: what there is of it, with the line breaks and spaces of the source between its sentences.
        source: code of the source language; of speech, a code of Whisper's languages, empty where nobody speaks.
        target: code of the target language.
        sentences: (source sentence, its translation), in order. Speech has none.
        count: how many sentences there will be.
        note: a sentence for the reader, e.g. that the language is doubtful; mostly empty.
    """

    text: str
    source: str
    target: str
    sentences: tuple[tuple[str, str], ...] = ()
    count: int = 0
    note: str = ""


def translate(text: str, source: str | None, target: str, model: Translator = DEFAULT) -> Translation:
    """A text in another language.

    Args:
        text: at most MOST_CHARACTERS. Line breaks, list markers, addresses and emoji stay as they are.
        source, target: codes of model.languages, such as "en" and "pt"; a source of None is guessed.
        model: one of TRANSLATORS.

    Raises:
        BadInput: nothing to translate, too long, or a language that the model does not read or write.
        ModelUnavailable: the weights are not here.
    """
    *_, translation = translate_stepwise(text, source, target, model)
    return translation


def translate_stepwise(
    text: str, source: str | None, target: str, model: Translator = DEFAULT
) -> Iterator[Translation]:
    """Like `translate`, but yields the growing translation: at least once, and the last one is whole."""
    text = clean(text or "")
    if not text.strip():
        raise BadInput("There is no text yet: type some, or click an example.")
    if len(text) > MOST_CHARACTERS:
        raise BadInput(
            f"This text is too long: it has {len(text):,} characters, and the limit is {MOST_CHARACTERS:,}. Shorten it."
        )
    *parts, (rest, _) = split(text)
    if not parts:
        raise BadInput("There is nothing to translate: this text has no words.")
    source, note = settle_source(text, source, target, model)
    written, done = "", ()
    with models.use(model) as network:
        for batch in batches(parts, network.at_once):
            sentences = [sentence for _, sentence in batch]
            translated = translate_sentences(network, sentences, source, target)
            written += "".join(kept + sentence for (kept, _), sentence in zip(batch, translated, strict=True))
            done += tuple(zip(sentences, translated, strict=True))
            whole = len(done) == len(parts)
            yield Translation(written + rest * whole, source, target, done, len(parts), note)


def batches(parts: Sequence, most: int) -> Iterator[Sequence]:
    """Slices of 1, 4, 16, ..., `most`: the first sentence appears at once, and many together are quicker."""
    start, size = 0, 1
    while start < len(parts):
        yield parts[start : start + size]
        start, size = start + size, min(size * 4, most)


def settle_source(text: str, source: str | None, target: str, model: Translator) -> tuple[str, str]:
    """The source language, and a note if the text seems to be in another one or the guess is doubtful."""
    for code in {source, target} - {None}:
        if code not in model.languages:
            known = ", ".join(LANGUAGES[known] for known in model.languages[:6])
            known += " and more" * (len(model.languages) > 6)
            raise BadInput(f"{model.name} does not know the language {LANGUAGES.get(code, code)!r}. It knows {known}.")
    if source == target:
        raise BadInput("Source and target are the same language: choose another one.")
    shares = guess_language(text[:GUESS])
    other = evidently_other(shares, [source] if source else model.languages)
    if source:
        return source, f"This text seems to be {LANGUAGES[other]}, not {LANGUAGES[source]}." if other else ""
    if other:
        raise BadInput(
            f"This text seems to be {LANGUAGES[other]}, which {model.name} does not read. "
            "Choose another model, or say which language it is."
        )
    shares = {code: shares.get(code, 0.0) for code in model.languages}
    source = max(shares, key=shares.get)
    sure = shares[source] >= SURE * sum(shares.values()) and shares[source] > 0
    if source == target:
        if sure or len(model.languages) > 2:
            raise BadInput(f"This text seems to be {LANGUAGES[target]} already. Translate it into another language.")
        source = next(code for code in model.languages if code != target)
    name = LANGUAGES[source]
    return source, "" if sure else f"It is not clear which language this is; it was read as {name}."


def evidently_other(shares: Mapping[str, float], expected: Sequence[str]) -> str | None:
    """The language of a text that is evidently in none of the expected ones."""
    likeliest, most = next(iter(shares.items()))
    least = sum(shares.get(code, 0) for code in expected)
    evident = most >= EVIDENT or (least <= HARDLY[0] and most >= HARDLY[1])
    return likeliest if evident and likeliest not in expected else None


def translate_speech(audio, source: str | None = None, model: Model = LISTENERS[0]) -> Translation:
    """In English what is said in a recording. English itself is written down.

    Args:
        audio: a path, or (sample rate, samples), as `inputs.read_audio` takes them; at most inputs.MAX_MINUTES.
        source: a code of whisper.LANGUAGES, or None to let the network guess.
        model: one of LISTENERS.

    Raises:
        BadInput: the recording cannot be read, or the model does not know the language.
        ModelUnavailable: the weights are not here.
    """
    *_, translation = translate_speech_stepwise(audio, source, model)
    return translation


def translate_speech_stepwise(audio, source: str | None = None, model: Model = LISTENERS[0]) -> Iterator[Translation]:
    """Like `translate_speech`, but yields the growing translation."""
    samples = read_audio(audio, RATE)
    with models.use(model) as network:
        for transcript in network(samples, source, "translate"):
            share = transcript.languages.get(transcript.language, 1)
            note = "" if transcript.text else "No speech found."
            if transcript.text and share < SURE:
                note = f"It is not clear which language this is; it was heard as {SPOKEN[transcript.language]}."
            elif transcript.language == "en":
                note = "This is English already; it was written down."
            yield Translation(transcript.text, transcript.language, "en", note=note)


# Look inside: where the network looked, and what else it considered


def look(sentence: str, source: str, target: str, model: Translator = DEFAULT) -> Inside:
    """Attention and the BEAM best candidates of one of a Translation's sentences.

    What the network cannot write is a stand-in such as ZX1 here.
    """
    with models.use(model) as network:
        text, *_ = prepare(network, sentence, source, target)
        return network.look(text, source, target, BEAM)


# Tab


def build() -> None:
    translated, opened = gr.State(), gr.State(False)
    with gr.Row():
        with gr.Column():
            form = gr.Radio(FORMS, value=FORMS[0], label="Translate", elem_id=f"{SLUG}-form")
            with gr.Column() as text_side:
                text = gr.Textbox(
                    TEXTS[0], label="Text", lines=6, max_lines=16, placeholder="What shall be translated?",
                    elem_id=f"{SLUG}-text",
                )  # fmt: skip
                with gr.Row(equal_height=True):
                    source = gr.Dropdown(
                        sources(DEFAULT), value="", label="From", min_width=190, elem_id=f"{SLUG}-source"
                    )
                    swap = gr.Button("⇄", min_width=44, scale=0, elem_id=f"{SLUG}-swap")
                    target = gr.Dropdown(
                        targets(DEFAULT), value="pt", label="Into", min_width=190, elem_id=f"{SLUG}-target"
                    )
                picker = model_picker(SLUG, TRANSLATORS)
            with gr.Column(visible=False) as speech_side:
                audio = gr.Audio(
                    str(EXAMPLES / "spanish-robot.flac"), type="filepath", sources=["upload", "microphone"],
                    label="Recording", elem_id=f"{SLUG}-audio", buttons=[],
                )  # fmt: skip
                spoken = gr.Dropdown(
                    [("guess it", ""), *sorted((name, code) for code, name in SPOKEN.items())], value="",
                    label="Spoken language", elem_id=f"{SLUG}-spoken",
                )  # fmt: skip
                listener = model_picker(SLUG, LISTENERS, label="Speech model")
            with gr.Row():
                run = gr.Button("Translate", variant="primary", min_width=120, elem_id=f"{SLUG}-run")
                run_speech = gr.Button(
                    "Translate", variant="primary", visible=False, min_width=120, elem_id=f"{SLUG}-run-speech"
                )
                stop = gr.Button("Stop", min_width=120, elem_id=f"{SLUG}-stop")
        with gr.Column():
            result = gr.Textbox(
                label="Translation", lines=8, max_lines=20, buttons=["copy"], elem_id=f"{SLUG}-result",
                placeholder="The translation appears here.",
            )  # fmt: skip
            status = status_line(SLUG)
            with gr.Row():
                listen = gr.Button("Listen", size="sm", visible=False, min_width=80, elem_id=f"{SLUG}-listen")
                download = gr.DownloadButton(
                    "Text .txt", size="sm", visible=False, min_width=80, elem_id=f"{SLUG}-download"
                )
            with gr.Row():
                speak = gr.Button(
                    "Send to text to speech", size="sm", visible=False, min_width=120, elem_id=f"{SLUG}-speak"
                )
                go_on = gr.Button(
                    "Send to text generation", size="sm", visible=False, min_width=120, elem_id=f"{SLUG}-answer"
                )
            send_to(speak, result, "text-to-speech-text")
            send_to(go_on, result, "text-generation-message")
            voice = gr.Audio(
                label="English voice", visible=False, autoplay=True, interactive=False, buttons=["download"],
                elem_id=f"{SLUG}-voice",
            )  # fmt: skip
            with look_inside(SLUG) as inside:
                gr.Markdown(
                    "The network reads and writes **pieces**, words or parts of them; ▁ begins a word, `</s>` ends the "
                    "sentence. Each row is a piece it wrote, each column a piece of the source. The stronger the "
                    "colour, the more of its **attention** was there."
                )
                sentence = gr.Dropdown([], label="Sentence", visible=False, elem_id=f"{SLUG}-sentence")
                pieces = gr.HTML(css_template=PIECES_CSS, apply_default_css=False, elem_id=f"{SLUG}-pieces")
                plot = gr.Plot(show_label=False, elem_id=f"{SLUG}-plot")
                gr.Markdown(
                    f"What **beam search** kept, {BEAM} candidates at a time, with the probabilities the network gave."
                )
                candidates = gr.HTML(css_template=CANDIDATES_CSS, apply_default_css=False, elem_id=f"{SLUG}-candidates")
    with gr.Column() as text_examples:
        examples(SLUG, TEXTS, [text])
    with gr.Column(visible=False) as speech_examples:
        examples(f"{SLUG}-speech", ["spanish-robot.flac", "kennedy.flac"], [audio])

    guard = Stop(stop, status).guard
    results = [result, status, translated]
    done = [download, listen, voice, speak, go_on, sentence, pieces, plot, candidates]
    looked = [pieces, plot, candidates]
    running = (
        gr.on([run.click, text.submit], on_flip, [text, source, target, picker], target, queue=False, **QUIET)
        .then(guard(on_translate), [text, source, target, picker], results, api_visibility="private", **HEAVY),
        run_speech.click(
            guard(on_translate_speech), [audio, spoken, listener], results, api_name="translation_of_speech", **HEAVY
        ),
    )  # fmt: skip
    for event in running:
        event.success(on_done, [translated, opened], done, **QUIET)
    swap.click(on_swap, [text, result, source, target, picker, translated], [text, result, source, target], **QUIET)
    source.input(on_same, [source, target, picker], target, **QUIET)
    target.input(on_same, [target, source, picker], source, **QUIET)
    picker.change(on_model, [picker, source, target], [source, target], **QUIET)
    form.change(
        on_form, form, [text_side, run, inside, text_examples, speech_side, run_speech, speech_examples], **QUIET
    )
    listen.click(on_listen, translated, voice, api_visibility="private", **HEAVY)
    gr.api(answer, api_name="translation", **HEAVY)
    inside.expand(lambda: True, None, opened, **QUIET).then(on_look, [translated, sentence], looked, **QUIET)
    inside.collapse(lambda: False, None, opened, **QUIET)
    sentence.input(on_look, [translated, sentence], looked, **QUIET)


def sources(model: Translator) -> list[tuple[str, str]]:
    return [("guess it", ""), *targets(model)]


def targets(model: Translator) -> list[tuple[str, str]]:
    return sorted((LANGUAGES[code], code) for code in model.languages)


@dataclass(frozen=True, eq=False)  # gr.State notices another run by its identity
class Done:
    """A visitor's last run, for the download and for Look inside."""

    translation: Translation
    model: Model


def on_flip(text: str, source: str, target: str, model_name: str):
    """Of two languages, a text that is in the target already is to be translated into the other."""
    model = models.find(TRANSLATORS, model_name)
    if source or len(model.languages) > 2:
        return gr.skip()
    shares = guess_language((text or "")[:GUESS])
    other = other_language(model, target)
    there, here = shares.get(target, 0), shares.get(other, 0)
    already = there > SURE * (there + here) and not evidently_other(shares, model.languages)
    return other if already else gr.skip()


def answer(text: str, target: str, source: str = "", model_name: str = DEFAULT.name) -> Iterator[tuple[str, str]]:
    """Translate a text.

    Args:
        text: at most 20,000 characters. Line breaks, addresses and emoji stay as they are.
        target: code of the language wanted, e.g. "pt".
        source: code of the text's language, e.g. "en"; empty to let it be guessed.
        model_name: a model of the picker, e.g. "Firefox Translations tiny".

    Returns:
        The translation so far, and a line that says which model ran and how long. The last one is whole.
    """
    for written, status, _ in on_translate(text, source, target, model_name):
        yield written, status


def on_translate(text: str, source: str, target: str, model_name: str) -> Iterator[tuple]:
    """The translation so far, the status line, and the run."""
    run = Run(models.find(TRANSLATORS, model_name))
    with models.use(run.model) as network:
        run.device = network.device
    for translation in translate_stepwise(text, source or None, target, run.model):
        pair = f"{LANGUAGES[translation.source]} → {LANGUAGES[translation.target]}"
        progress = f"{len(translation.sentences)} of {translation.count} sentences"
        yield translation.text, said(translation, run.status(pair, progress)), Done(translation, run.model)


def on_translate_speech(audio: str, language: str, model_name: str) -> Iterator[tuple]:
    """Write down in English what is said in a recording in another language.

    Args:
        audio: the recording, at most 20 MB and 10 minutes.
        language: the code of the spoken language, e.g. "es"; empty to let the network guess.
        model_name: a speech model of the picker, e.g. "Whisper base".

    Returns:
        The translation so far, and a line that says which model ran and how long. The last one is whole.
    """
    run = Run(models.find(LISTENERS, model_name), "cpu")
    for translation in translate_speech_stepwise(audio, language or None, run.model):
        facts = [f"{SPOKEN[translation.source]} → English"] if translation.source else []
        yield translation.text, said(translation, run.status(*facts)), Done(translation, run.model)


def said(translation: Translation, status: str) -> str:
    """The status line, with the translation's note before it."""
    return f"**{translation.note}** {status}" if translation.note else status


def on_done(done: Done, opened: bool) -> tuple:
    """Offer the translation as a file and, in English, as speech; look inside its first sentence if that is open."""
    translation = done.translation
    path = result_file("translation.txt")
    path.write_text(translation.text, encoding="utf-8")
    choices = [(shortened(sentence), i) for i, (sentence, _) in enumerate(translation.sentences)]
    written = bool(translation.text.strip())
    english = written and translation.target == "en"  # the quick voice speaks nothing else
    return (
        gr.update(visible=written, value=str(path)),
        gr.update(visible=english),
        gr.update(visible=False, value=None),
        gr.update(visible=written and translation.target in ("en", *READ_ALOUD)),
        gr.update(visible=written),
        gr.update(visible=len(choices) > 1, choices=choices, value=0 if choices else None),
        *(on_look(done, 0) if opened else (gr.skip(), gr.skip(), gr.skip())),
    )


def on_look(done: Done | None, index: int | None) -> tuple:
    """Pieces, attention and candidates of a sentence."""
    if not done or not done.translation.sentences:
        return "", None, ""
    translation = done.translation
    inside = look(translation.sentences[index or 0][0], translation.source, translation.target, done.model)
    return pieces_line(inside), alignment_chart(inside), candidates_table(inside)


def on_swap(text: str, result: str, source: str, target: str, model_name: str, done: Done | None) -> tuple:
    """The translation becomes the text, and the languages change places; a guessed one is then known."""
    model = models.find(TRANSLATORS, model_name)
    if not source:
        found = done.translation.source if done else ""
        source = found if found in model.languages and found != target else other_language(model, target)
    return result or text, text if result else "", target, source


def on_model(model_name: str, source: str, target: str) -> tuple:
    """The languages of the chosen model; what was chosen stays where it can."""
    model = models.find(TRANSLATORS, model_name)
    source = source if source in model.languages else ""
    if target not in model.languages:
        target = other_language(model, source or "en")
    return gr.update(choices=sources(model), value=source), gr.update(choices=targets(model), value=target)


def on_same(chosen: str, other: str, model_name: str):
    """The language of the other menu, which is another one than the chosen."""
    return other_language(models.find(TRANSLATORS, model_name), chosen) if chosen == other else gr.skip()


def other_language(model: Translator, code: str) -> str:
    return next(other for other in ("en", *model.languages) if other != code and other in model.languages)


def on_form(form: str) -> list:
    """Show what belongs to text or to speech."""
    text = form == FORMS[0]
    return [gr.update(visible=text)] * 4 + [gr.update(visible=not text)] * 3


def on_listen(done: Done):
    """The English translation, spoken."""
    return gr.update(visible=True, value=say(done.translation.text))


def shortened(sentence: str) -> str:
    return sentence if len(sentence) <= 70 else sentence[:69] + "…"


TASK = Task(
    slug=SLUG,
    title="Translation",
    sentence="Write in one language and read in another, or speak a language and read it in English.",
    group="Language and speech",
    icon='<path d="M4 6h9M8.5 4v2M11 6c-1 4-3.5 6.5-7 8M6 9c1 2.5 3 4 6 5"/><path d="M12 20l4-10 4 10M13.5 16.5h5"/>',
    models=MODELS,
    build=build,
)
