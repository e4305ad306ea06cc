"""Hundreds of bad inputs to every endpoint of the running gallery: each ends in a result or in a sentence.

The endpoints and the kinds of their parameters are asked of the gallery, so a new room is taken in by itself.
"""

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks import TASKS, spoken_text, translation_text
from tasks.errors import GalleryError
from tasks.inputs import read_audio, read_picture
from tasks.settings import EXAMPLES, ROOT
from tasks.time_series_table import parse_text, read_table, series_of
from tests import bad_inputs
from tests.browser.conftest import running_process

SECONDS = 120  # a request that takes longer hangs; an idle machine needs a fraction of it
MOST_MEGABYTES = 1500
CHEAP = {
    "/image_processing_experiment": {"kind": "Noise"},
    "/image_translation": {"model_name": "ControlNet scribble"},  # not here, which is said once all else was read
    "/image_translation_drawing": {"kind": "Pencil"},
    "/image_generation": {"steps": 4},
    "/text_generation": {"message": "Hi", "max_tokens": 3},
    "/time_series": {"horizon": 4},
}
# Rooms whose runs take seconds make do with every so manieth input.
SLOW = {"image-generation": 6, "image-processing": 6, "image-translation": 6, "text-generation": 6}
STARTS = [
    b"",
    *(content[:40] for content in (bad_inputs.wav(np.zeros(9)), bad_inputs.png(9, 9), b"GIF89a", b"date,value\n")),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("path"), inner, max_size=3)
    ),
    max_leaves=8,
)


class Visitor:
    """Asks a running gallery over plain HTTP, which lets through what its own client would refuse."""

    def __init__(self, url: str):
        self.http = httpx.Client(base_url=f"{url}/gradio_api", timeout=SECONDS)
        self.endpoints = self.http.get("/info").json()["named_endpoints"]

    def upload(self, name: str, content: bytes) -> dict:
        answer = self.http.post("/upload", files={"files": (name, content)})
        answer.raise_for_status()
        return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def ask(self, endpoint: str, data: list) -> tuple[str, object]:
        """("complete", results) or ("error", what the visitor is told)."""
        # A session for each endpoint: Gradio takes 50 ms to set one up, and counts runs by session.
        body = json.dumps({"data": data, "session_hash": endpoint})
        answer = self.http.post(f"/call{endpoint}", content=body, headers={"Content-Type": "application/json"})
        if answer.status_code != 200:
            return str(answer.status_code), answer.text
        with self.http.stream("GET", f"/call{endpoint}/{answer.json()['event_id']}") as stream:
            event = None
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: ") and event in ("complete", "error"):
                    return event, json.loads(line.removeprefix("data: "))
        return "cut", None


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """(process, log, address) of a gallery of its own."""
    with running_process(tmp_path_factory.mktemp("gallery"), "--offline", patience=SECONDS) as gallery:
        yield gallery


@pytest.fixture(scope="module")
def visitor(gallery):
    return Visitor(gallery[2])


class Corpus:
    """Good values for every parameter of every endpoint, and the bad ones to put in their place."""

    def __init__(self, visitor: Visitor):
        self.visitor = visitor
        self.pictures = {name: visitor.upload(name, content) for name, content in bad_inputs.pictures().items()}
        self.recordings = {name: visitor.upload(name, content) for name, content in bad_inputs.recordings().items()}
        self.tables = {name: visitor.upload(name, content) for name, content in bad_inputs.tables().items()}
        self.picture = visitor.upload("good.jpg", bad_inputs.pictures()["no-suffix"])
        self.recording = visitor.upload("good.wav", bad_inputs.recordings()["wav-inside.mp3"])
        self.table = visitor.upload("good.csv", (EXAMPLES / "airline-passengers.csv").read_bytes())

    def good(self, endpoint: str) -> list:
        """The data of a request that is answered, as cheaply as the endpoint allows."""
        cheap = CHEAP.get(endpoint, {})
        parameters = self.visitor.endpoints[endpoint]["parameters"]
        return [cheap.get(parameter["parameter_name"], self.usual(parameter)) for parameter in parameters]

    def usual(self, parameter: dict) -> object:
        kind = parameter["component"]
        if kind == "Imageeditor":
            return self.edited(self.picture)
        files = {"Image": self.picture, "Audio": self.recording, "File": self.table}
        if kind in files:
            return files[kind]
        return "A cat." if kind == "Textbox" else parameter["parameter_default"]

    def bad(self, parameter: dict) -> dict[str, object]:
        kind = parameter["component"]
        if kind == "Api":
            kind = {"string": "Textbox"}.get(parameter["type"].get("type"), "Number")
        files = {"Image": self.pictures, "Audio": self.recordings, "File": self.tables}
        if kind in files:
            return files[kind] | bad_inputs.FILES | bad_inputs.WRONG
        if kind == "Imageeditor":
            whole = {name: self.edited(file) for name, file in (self.pictures | bad_inputs.FILES).items()}
            layers = {f"layer {name}": self.edited(self.picture, [file]) for name, file in self.pictures.items()}
            return whole | layers | bad_inputs.WRONG
        return {
            "Textbox": bad_inputs.TEXTS | bad_inputs.WRONG,
            "Slider": bad_inputs.NUMBERS,
            "Number": bad_inputs.NUMBERS,
            "Colorpicker": bad_inputs.COLOURS,
            "Checkbox": bad_inputs.WRONG,
        }.get(kind, bad_inputs.CHOICES)

    def edited(self, file: dict, layers: list | None = None) -> dict:
        return {"background": file, "layers": layers or [], "composite": file}

    def of(self, task) -> list[tuple[str, list]]:
        """(what it is, the data of a request) for each bad input of a room."""
        found, seen = [], set()
        for endpoint, facts in self.visitor.endpoints.items():
            if not re.match(rf"/{task.slug.replace('-', '_')}(_|$)", endpoint):
                continue
            good = self.good(endpoint)
            for place, parameter in enumerate(facts["parameters"]):
                values = list(self.bad(parameter).items())
                values = values[:: SLOW.get(task.slug, 1)]
                if parameter["component"] in seen:
                    values = values[::7]  # what a second picture or text is read by is the same code
                seen.add(parameter["component"])
                for name, value in values:
                    what = f"{endpoint} {parameter['parameter_name']}: {name}"
                    found.append((endpoint, what, [*good[:place], value, *good[place + 1 :]]))
            found += [(endpoint, f"{endpoint}: nothing", []), (endpoint, f"{endpoint}: too few", good[:-1])]
        return found


@pytest.fixture(scope="module")
def corpus(visitor):
    return Corpus(visitor)


def complaint(data: list, kind: str, answer: object) -> str | None:
    """What is wrong with an answer to `data`, None if it is a result or a sentence."""
    if kind == "complete":
        shown = [part for part in answer if isinstance(part, str)] if isinstance(answer, list) else []
        return next((part for part in shown if "Traceback" in part), None)
    said = answer.get("error") if isinstance(answer, dict) else None
    if kind != "error" or not isinstance(said, str) or not said.strip():
        return f"{kind}: {answer}"
    leaks = re.search(rf"Traceback|{re.escape(str(ROOT))}|site-packages|/tmp/|<img|object at 0x", said)
    leaks = leaks or ("None" in said and "None" not in json.dumps(data))
    return said if leaks or "went wrong on our side" in said else None


def memory(process: subprocess.Popen, line: str) -> int:
    """Megabytes: VmHWM, the most there ever was since it was last reset, or VmRSS, what there is."""
    facts = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{line}:\s+(\d+)", facts)[1]) // 1024


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.slug)
def test_bad_inputs_end_in_a_result_or_a_sentence(gallery, corpus, task):
    process, log, _ = gallery
    wrong, asked = {}, corpus.of(task)
    for endpoint in {endpoint for endpoint, *_ in asked}:  # the networks are there before memory is looked at
        corpus.visitor.ask(endpoint, corpus.good(endpoint))
    before = 0
    if sys.platform == "linux":
        before = memory(process, "VmRSS")
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the peak starts anew
    for endpoint, what, data in asked:
        if said := complaint(data, *corpus.visitor.ask(endpoint, data)):
            wrong[what] = said
    assert not wrong, f"{len(wrong)} of {len(asked)}\n" + "\n".join(f"{what}: {said}" for what, said in wrong.items())
    assert process.poll() is None
    assert "Traceback" not in log.read_text(), "a visitor's mistake is no matter for the log"
    if sys.platform == "linux":
        assert memory(process, "VmHWM") - before < MOST_MEGABYTES


def test_there_are_hundreds(corpus):
    assert sum(len(corpus.of(task)) for task in TASKS) > 300


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_json_holds_is_answered(gallery, corpus, data):
    endpoint = data.draw(st.sampled_from(sorted(corpus.visitor.endpoints)))
    count = len(corpus.visitor.endpoints[endpoint]["parameters"])
    sent = data.draw(st.lists(JSON, min_size=count, max_size=count))
    assert complaint(sent, *corpus.visitor.ask(endpoint, sent)) is None, (endpoint, sent)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(content=st.binary(max_size=400), start=st.sampled_from(STARTS))
def test_any_bytes_are_a_file_or_get_a_sentence(tmp_path_factory, content, start):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(start + content)
    for read in (read_picture, lambda path: read_audio(path, 16_000), lambda path: series_of(read_table(path))):
        with contextlib.suppress(GalleryError):
            read(path)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(st.characters(), max_size=200))
def test_any_text_is_read_or_gets_a_sentence(text):
    for read in (parse_text, spoken_text.sentences, translation_text.split, translation_text.guess_language):
        with contextlib.suppress(GalleryError):
            read(text)
