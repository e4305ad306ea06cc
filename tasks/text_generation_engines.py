"""Two engines for causal language models: llama.cpp for GGUF files, transformers for everything else on the Hub.

Both are called as `engine(prompt, sampling)` with a conversation or the beginning of a text, and yield each Token as
it is drawn, with what the network thought of its rivals. Closing the iterator stops the computation. Both draw in the
same way: penalties for repetition, then top-k, temperature and top-p (nucleus sampling, arXiv:1904.09751).
"""

import math
import queue
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tasks import settings
from tasks.errors import BadInput

CONTEXT = 2048  # tokens of prompt and answer together; the memory for them is taken when the model is loaded
VISITORS = 2  # answers written at the same time, as many as the tabs let through
TOP_K = 40  # only the likeliest tokens are drawn from, and all of these can be looked at
REPEAT_PENALTY = 1.05  # on words of the last REPEAT_WINDOW tokens; 1.1 already costs small models right answers
REPEAT_WINDOW = 64
# "Don't repeat yourself" (https://github.com/oobabooga/text-generation-webui/pull/5677): the more tokens in a row are
# what was written before, the dearer the next one that is. All of the text counts, across its lines.
NO_LOOPS = {
    "dry_multiplier": 2, "dry_base": 1.75, "dry_allowed_length": 4, "dry_penalty_last_n": CONTEXT,
    "dry_sequence_breakers": ["\0"],
}  # fmt: skip

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn.

    Args:
        temperature: 0 always takes the likeliest token; 1 draws as the network learned; more flattens.
        top_p: draw from the fewest tokens whose probabilities add up to this.
        max_tokens: 1 or more.
        seed: the same seed draws the same text; None draws anew.
    """

    temperature: float
    top_p: float
    max_tokens: int
    seed: int | None = None


@dataclass(frozen=True)
class Token:
    """A piece of text the network wrote.

    Args:
        text: whole characters; where a character took several tokens, they come as one.
        probability: what the network gave it before temperature, penalty and draw. Of several tokens, the last one's.
        candidates: the TOP_K likeliest tokens for this place with their probabilities, best first.
    """

    text: str
    probability: float
    candidates: tuple[tuple[str, float], ...]


def too_long(tokens: int) -> BadInput:
    return BadInput(
        f"This text is too long: it is {tokens:,} tokens, and the model reads fewer than {CONTEXT:,} at a time. "
        "Shorten it, or clear the conversation."
    )


def whole(text: str) -> str:
    """Text in which bytes that are no whole character show as ▯."""
    return text.replace("\ufffd", "▯")


class LlamaCpp:
    """A GGUF file, run by llama.cpp (https://github.com/ggml-org/llama.cpp) inside this process.

    Args:
        path: the file.
        runs_in_circles: whether it needs NO_LOOPS. It keeps a model from quoting at length, so only the smallest does.
    """

    def __init__(self, path: Path, runs_in_circles: bool = False):
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_parallel = VISITORS
        params.n_ctx = CONTEXT * VISITORS
        # Half the logical cores: a thread more gains a quarter on an idle machine and loses nine tenths on a busy
        # one, as each of a token's hundreds of small products waits for the slowest thread.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, settings.settings.threads // 2)
        params.cache_ram_mib = 0  # the default keeps up to 8 GB of earlier prompts
        params.force_pure_content_parser = True  # tokens as they are, not parsed into tool calls
        params.verbosity = 0
        # llama.cpp brings an HTTP server, which nobody is to reach: it gets a socket file that is gone once it listens.
        params.n_threads_http = 1
        params.api_keys = [secrets.token_urlsafe()]
        with tempfile.TemporaryDirectory() as folder:
            if hasattr(socket, "AF_UNIX"):
                params.hostnames = [f"{folder}/llama.sock"]
            self.server = xllamacpp.Server(params)
        self.penalties = NO_LOOPS if runs_in_circles else {}
        self.pool = ThreadPoolExecutor(VISITORS, "llama.cpp")
        gpu = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_GPU
        self.device = next((d["name"].lower() for d in xllamacpp.get_device_info() if d["type"] == gpu), "cpu")

    def __call__(self, prompt: str | Sequence[Message], sampling: Sampling) -> Iterator[Token]:
        request = {
            "stream": True, "max_tokens": sampling.max_tokens, "seed": -1 if sampling.seed is None else sampling.seed,
            "samplers": ["penalties", "dry", "top_k", "temperature", "top_p"], "temperature": sampling.temperature,
            "top_k": TOP_K, "top_p": sampling.top_p, "repeat_penalty": REPEAT_PENALTY, "repeat_last_n": REPEAT_WINDOW,
            **self.penalties,
        }  # fmt: skip
        if isinstance(prompt, str):
            handle = self.server.handle_completions
            request |= {"prompt": prompt, "logprobs": TOP_K}
        else:
            handle = self.server.handle_chat_completions
            request |= {"messages": list(prompt), "logprobs": True, "top_logprobs": TOP_K}
            request |= {"chat_template_kwargs": {"enable_thinking": False}}  # Qwen3 would think aloud first
        # llama.cpp calls back with each token; the queue turns that into an iterator, the event carries its closing.
        chunks: queue.SimpleQueue = queue.SimpleQueue()
        closed = threading.Event()
        running = self.pool.submit(handle, request, lambda chunk: chunks.put(chunk) or closed.is_set())
        running.add_done_callback(lambda _: chunks.put(None))
        try:
            for chunk in iter(chunks.get, None):
                if error := chunk.get("error"):
                    if error.get("type") == "exceed_context_size_error":
                        raise too_long(error["n_prompt_tokens"])
                    raise RuntimeError(f"llama.cpp: {error}")
                for entry in (chunk["choices"][0].get("logprobs") or {}).get("content", ()):
                    yield self.token(entry)
            running.result()
        finally:
            closed.set()
            running.cancel()

    @staticmethod
    def token(entry: dict) -> Token:
        """An entry of `logprobs`: the bytes of a whole character, and of its last token the rivals."""
        written, rivals = bytes(entry["bytes"]), entry["top_logprobs"]
        last = next((bytes(rival["bytes"]) for rival in rivals if rival["id"] == entry["id"]), written)
        start = written.removesuffix(last)
        candidates = tuple(
            (whole((start + bytes(rival["bytes"])).decode("utf-8", "replace")), math.exp(rival["logprob"]))
            for rival in rivals
        )
        return Token(whole(written.decode("utf-8", "replace")), math.exp(entry["logprob"]), candidates)


class CausalLM:
    """A folder in the layout of the Hub, run by transformers.

    The loop is our own, as `generate` with a streamer hands out text without probabilities, needs a thread, and
    cannot be stopped from outside between two tokens.
    """

    def __init__(self, folder: Path):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        settings.use_threads()
        self.device = settings.device()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.net = AutoModelForCausalLM.from_pretrained(folder, dtype=settings.dtype()).eval().to(self.device)
        ends = self.net.generation_config.eos_token_id
        self.ends = set(ends) if isinstance(ends, list) else {ends}

    def __call__(self, prompt: str | Sequence[Message], sampling: Sampling) -> Iterator[Token]:
        import torch
        from transformers import DynamicCache

        if isinstance(prompt, str):
            ids = self.tokenizer(prompt)["input_ids"]
        else:
            ids = self.tokenizer.apply_chat_template(
                list(prompt), add_generation_prompt=True, enable_thinking=False, return_dict=True
            )["input_ids"]
        if len(ids) >= CONTEXT:
            raise too_long(len(ids))
        generator = torch.Generator()
        generator.manual_seed(sampling.seed) if sampling.seed is not None else generator.seed()
        cache = DynamicCache(config=self.net.config)
        unread, unfinished = ids, []  # what the network has not seen; tokens of a character that is not whole yet
        for _ in range(min(sampling.max_tokens, CONTEXT - len(ids))):
            with torch.inference_mode():
                x = torch.tensor([unread], device=self.device)  # (1, T)
                logits = self.net(x, past_key_values=cache, logits_to_keep=1).logits[0, -1].float().cpu()  # (V,)
            drawn = draw(logits, sampling, ids[-REPEAT_WINDOW:], generator)
            if drawn in self.ends:
                return
            ids.append(drawn)
            unread = [drawn]
            unfinished.append(drawn)
            text = self.tokenizer.decode(unfinished)
            if text.endswith("\ufffd") and len(unfinished) < 8:  # more than that is no character any more
                continue
            probabilities = logits.softmax(-1)
            best = probabilities.topk(min(TOP_K, len(probabilities)))
            rivals = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            start = unfinished[:-1]
            candidates = tuple((whole(self.tokenizer.decode([*start, rival])), p) for rival, p in rivals)
            yield Token(whole(text), probabilities[drawn].item(), candidates)
            unfinished = []


def draw(logits, sampling: Sampling, recent: Sequence[int], generator) -> int:
    """A token id from logits (V,), as llama.cpp draws it with the same settings."""
    import torch

    logits, seen = logits.clone(), torch.tensor(recent, dtype=torch.long)
    logits[seen] = torch.where(logits[seen] > 0, logits[seen] / REPEAT_PENALTY, logits[seen] * REPEAT_PENALTY)
    best = logits.topk(min(TOP_K, len(logits)))
    if sampling.temperature == 0:
        return best.indices[0].item()
    shares = (best.values / sampling.temperature).softmax(-1)
    shares[shares.cumsum(-1) - shares > sampling.top_p] = 0
    return best.indices[torch.multinomial(shares, 1, generator=generator)].item()
