"""chat() beside llama.cpp called by hand, and what the sampling defaults rest on.

python -m benchmarks text_generation      the time an answer takes
python -m benchmarks.text_generation      right answers to simple questions, and loops in long ones, by temperature
"""

import re
import statistics
from collections.abc import Iterator

import xllamacpp

from benchmarks import Row, compare
from tasks import models
from tasks.settings import settings
from tasks.text_generation import DEFAULT, chat
from tasks.text_generation_engines import CONTEXT

TEMPERATURES = (0.0, 0.2, 0.7, 1.0)
SEEDS = (0, 1, 2)
QUESTIONS = {  # question -> what a right answer contains
    "What is the capital of France?": "Paris",
    "What is the capital of Japan?": "Tokyo",
    "What is the capital of Italy?": "Rome",
    "What is the capital of Germany?": "Berlin",
    "What is the largest ocean on Earth?": "Pacific",
    "What is the opposite of hot?": "cold",
    "Who wrote Romeo and Juliet?": "Shakespeare",
    "How many legs does a spider have?": "eight|8",
    "What planet is known as the Red Planet?": "Mars",
    "What gas do plants absorb from the air?": "carbon dioxide",
    "What is the chemical symbol for water?": "H2O|H₂O",
    "What is frozen water called?": "ice",
    "How many days are in a week?": "seven|7",
    "What color do you get by mixing blue and yellow?": "green",
    "What is the largest planet in the solar system?": "Jupiter",
    "Which animal is known as the king of the jungle?": "lion",
    "Who painted the Mona Lisa?": "Leonardo",
    "What do bees make?": "honey",
    "What language do people speak in Brazil?": "Portuguese",
    "Who was the first person to walk on the Moon?": "Armstrong",
    "What is the fastest land animal?": "cheetah",
    "What is the tallest mountain in the world?": "Everest",
    'What is the past tense of "go"?': "went",
    "What is 2 + 2?": "four|4",
    "How many continents are there?": "seven|7",
    "On which continent is Egypt?": "Africa",
    "What is the longest river in Africa?": "Nile",
    "In which country is the Great Wall?": "China",
    "Which organ pumps blood through the body?": "heart",
    "What is the first month of the year?": "January",
}
LONG = (
    "Why is the sky blue?",
    "Write a short poem about the sea.",
    "Write a poem about a robot who dreams.",
    "Write a short fairy tale about a fox and a crow.",
    "Tell me about penguins.",
    "What can I cook with eggs, tomatoes and cheese?",
    "How do I make a cup of tea?",
    "Write a story about a lighthouse keeper who finds a message in a bottle.",
    "Give me three ideas for a rainy afternoon.",
    "Who are you?",
)


def ask(question: str, temperature: float, max_tokens: int, seed: int = 0) -> str:
    messages = [{"role": "user", "content": question}]
    return "".join(chat(messages, temperature=temperature, max_tokens=max_tokens, seed=seed))


def rows() -> Iterator[Row]:
    params = xllamacpp.CommonParams()
    params.model.path = str(next(DEFAULT.source.folder().glob("*.gguf")))
    params.n_ctx = CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, settings.threads // 2)
    params.verbosity = 0
    server = xllamacpp.Server(params)
    question = "Describe a sunset over the mountains."

    def by_hand() -> None:
        messages = [{"role": "user", "content": question}]
        request = {"messages": messages, "max_tokens": 64, "temperature": 0, "stream": True}
        server.handle_chat_completions(request, lambda chunk: False)

    models.load(DEFAULT)
    yield compare(
        f"chat, {DEFAULT.name}, 64 tokens", lambda: ask(question, 0, 64), by_hand, runs=15,
        note="ours brings the 40 candidates of every token",
    )  # fmt: skip


def repeated(text: str) -> float:
    """Share of the runs of four words that were there before."""
    words = text.lower().split()
    runs = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return 1 - len(set(runs)) / max(1, len(runs))


def main() -> None:
    print("| temperature | right answers | repeated runs of four words |\n| --: | --: | --: |")
    for temperature in TEMPERATURES:
        seeds = SEEDS if temperature else SEEDS[:1]
        right = [
            re.search(rf"\b({answer})\b", ask(question, temperature, 60, seed), re.IGNORECASE) is not None
            for seed in seeds
            for question, answer in QUESTIONS.items()
        ]
        loops = [repeated(ask(question, temperature, 256, seed)) for seed in seeds for question in LONG]
        print(f"| {temperature} | {statistics.mean(right):.0%} | {statistics.mean(loops):.0%} |", flush=True)


if __name__ == "__main__":
    main()
