"""Visitors see nothing of each other and nothing of the machine; what they leave behind goes with them."""

import asyncio
import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from gradio.route_utils import delete_files_created_by_app
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

import app
from tasks import payload
from tasks.errors import BadInput
from tasks.settings import ASSETS, EXAMPLES, ROOT
from tasks.task import Stop, result_file
from tasks.visitor_files import KEEP_FILES, KEEP_LOST, TIDY_EVERY, CarefulParser, tidy

SECRET = "what nobody else may read"
MARK = {"_type": "gradio.FileData"}


class Desk:
    """A room whose run counts its steps until it is let go, and whose notes stay with their visitor."""

    def __init__(self):
        self.started, self.ended, self.steps = threading.Event(), threading.Event(), 0

    def run(self):
        self.started.set()
        try:
            while self.steps < 100_000:
                self.steps += 1
                yield str(self.steps)
        finally:
            self.ended.set()


def add(text: str, notes: list[str]) -> tuple[list[str], str]:
    return [*notes, text], str([*notes, text])


@pytest.fixture(scope="module")
def desk():
    return Desk()


@pytest.fixture(scope="module")
def gallery(desk, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("files")))
        gallery = build(desk)
        yield gallery
        gallery.close()


def build(desk: Desk) -> gr.Blocks:
    with app.Gallery(delete_cache=(TIDY_EVERY, KEEP_FILES)) as gallery:
        text, notes, picture = gr.Textbox(), gr.State([]), gr.Image(str(EXAMPLES / "cat.jpg"), type="filepath")
        text.submit(add, [text, notes], [notes, text], api_name="note")
        picture.change(lambda path: path and path.rsplit("/", 1)[-1], picture, text, api_name="name")
        gr.Button().click(desk.run, None, text, api_name="count")
        text.change(save, text, gr.DownloadButton(), api_name="save")
    return gallery


@pytest.fixture(scope="module")
def url(gallery):
    _, url, _ = gallery.launch(prevent_thread_lock=True, quiet=True)
    return f"{url}gradio_api"


def ask(url: str, name: str, *data, session: str = "somebody") -> tuple[str, object]:
    """(event, data) that ends a call."""
    answer = httpx.post(f"{url}/call/{name}", json={"data": data, "session_hash": session})
    lines = httpx.get(f"{url}/call/{name}/{answer.json()['event_id']}", timeout=60).text.splitlines()
    return lines[-3 if not lines[-1] else -2].removeprefix("event: "), json.loads(lines[-1 if lines[-1] else -2][6:])


def upload(url: str, content: bytes, name: str) -> str:
    return httpx.post(f"{url}/upload", files={"files": (name, content)}).json()[0]


def test_each_visitor_has_notes_of_their_own(url):
    for text in ("one", "two"):
        ask(url, "note", text, session="ada")
    assert ask(url, "note", "three", session="ada")[1][-1] == "['one', 'two', 'three']"
    assert ask(url, "note", "three", session="bob")[1][-1] == "['three']"


def test_results_and_files_go_to_their_visitor_alone(url):
    with httpx.Client() as http:
        for visitor in ("ann", "ben"):
            body = {"data": [f"by {visitor}"], "session_hash": visitor, "fn_index": 3}
            http.post(f"{url}/queue/join", json=body).raise_for_status()
        for visitor, other in (("ann", "ben"), ("ben", "ann")):
            heard = http.get(f"{url}/queue/data?session_hash={visitor}", timeout=60).text
            result = next(json.loads(line[6:]) for line in heard.splitlines() if "process_completed" in line)
            assert http.get(f"{url}/file={result['output']['data'][0]['path']}").text == f"by {visitor}"
            assert other not in heard


def test_the_file_of_a_visitor_has_an_address_nobody_guesses(url):
    path = upload(url, SECRET.encode(), "diary.txt")
    assert httpx.get(f"{url}/file={path}").text == SECRET
    folder, name = path.rsplit("/", 1)
    assert len(folder.rsplit("/", 1)[1]) == 64
    for guess in (folder, f"{folder}/", folder.rsplit("/", 1)[0], f"{folder.rsplit('/', 1)[0]}/{name}", name):
        answer = httpx.get(f"{url}/file={guess}")
        assert answer.status_code in (403, 404) and SECRET not in answer.text


ADDRESSES = [
    "/etc/passwd", "//etc/passwd", "file:///etc/passwd", "../../etc/passwd", "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd", "%252e%252e/%252e%252e/etc/passwd", "..%5c..%5cetc%5cpasswd", "%00/etc/passwd",
    "/proc/self/environ", "~/.ssh/id_rsa", ".git/config", f"{ROOT}/app.py", "app.py", "tasks/weights.py",
    "requirements.txt", f"{ASSETS}/../app.py", f"{ASSETS}/%2e%2e/app.py", f"{ASSETS}/style.css",
    f"{EXAMPLES}/cat.jpg", f"{ASSETS}/models/u2netp", "http://127.0.0.1:1/", "\\\\host\\share",
]  # fmt: skip


@pytest.mark.parametrize(
    "prefix", ["/file=", "/file/", "/proxy=", "/../", "/%2e%2e/", "/../static/", "/../assets/", "/stream/a/b/"]
)
def test_no_address_leads_to_a_file_of_the_machine(url, prefix):
    with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0)) as http:
        for address in ADDRESSES:
            target = {"target": f"/gradio_api{prefix}{address}".encode()}  # raw: httpx would tidy the dots away
            answer = http.send(http.build_request("GET", url, extensions=target))
            assert answer.status_code >= 300, (prefix, address)
            assert "root:" not in answer.text and "import" not in answer.text


def test_a_link_beside_an_upload_is_not_followed(url, tmp_path):
    (tmp_path / "secret.txt").write_text(SECRET)
    path = upload(url, b"mine", "mine.txt")
    link = os.path.join(os.path.dirname(path), "link.txt")
    os.symlink(tmp_path / "secret.txt", link)
    assert SECRET not in httpx.get(f"{url}/file={link}").text


@pytest.mark.parametrize(
    "file",
    [
        {"path": str(EXAMPLES / "coffee.jpg")},
        {"path": str(EXAMPLES / "coffee.jpg"), "meta": {"_type": "other"}},
        {"path": str(EXAMPLES / "coffee.jpg"), "meta": None},
        {"path": str(EXAMPLES / "coffee.jpg"), "meta": MARK},
        {"path": str(EXAMPLES / "coffee.jpg"), "meta": MARK, "is_stream": True},
        {"path": "/etc/passwd", "meta": MARK},
        {"path": "assets/examples/coffee.jpg", "meta": MARK},
        {"path": f"file://{EXAMPLES}/coffee.jpg", "meta": MARK},
        {"path": "http://127.0.0.1:1/coffee.jpg", "meta": MARK},
    ],
)
def test_a_request_cannot_name_a_file_of_the_machine(url, file):
    event, told = ask(url, "name", file)
    assert event == "error" and ("not uploaded by you" in told["error"] or "cannot be used" in told["error"])


def test_what_is_sent_is_looked_through():
    box = SimpleNamespace
    assert payload.checked(["a\ud800", 1, {"b": [None, True]}], [box(), box(), box()]) == ["a�", 1, {"b": [None, True]}]
    for bad in (float("nan"), float("inf"), 10**400, [[{"a": float("nan")}]], {"x": {"path": "/etc/passwd"}}):
        with pytest.raises(BadInput):
            payload.checked([bad], [box()])
    with pytest.raises(BadInput, match="too long: 3 characters"):
        payload.checked(["four"], [gr.Textbox(max_length=3)])
    assert payload.checked([None, 5], [gr.Textbox(), gr.Textbox()]) == ["", "5"]


def test_whoever_leaves_stops_their_work(url, desk):
    body = {"data": [], "session_hash": "gone", "fn_index": 2}
    with httpx.Client(timeout=60) as http:
        http.post(f"{url}/queue/join", json=body).raise_for_status()
        with http.stream("GET", f"{url}/queue/data?session_hash=gone") as stream:
            next(line for line in stream.iter_lines() if "process_generating" in line)
    assert desk.started.wait(30)
    assert desk.ended.wait(60), "the run went on without its visitor"
    assert desk.steps < 100_000


def test_a_closed_run_closes_its_handler():
    closed = threading.Event()

    def handler():
        try:
            yield from range(10)
        finally:
            closed.set()

    with gr.Blocks():
        stop = Stop(gr.Button(), gr.Markdown())
    run = stop.guard(handler)(SimpleNamespace(session_hash="a"))
    assert next(run) == 0
    run.close()
    assert closed.is_set() and not stop._running


def test_no_file_gets_an_hour_old(url, gallery):
    """Every TIDY_EVERY seconds Gradio deletes what is KEEP_FILES old, uploads and results alike."""
    assert TIDY_EVERY + KEEP_LOST <= 3600
    assert gallery.delete_cache == (TIDY_EVERY, KEEP_FILES) == app.build().delete_cache
    uploaded = Path(upload(url, SECRET.encode(), "old diary.txt"))
    result = Path(ask(url, "save", "a result")[1][0]["path"])
    assert uploaded.exists() and result.read_text() == "a result"
    delete_files_created_by_app(gallery, age=3600)
    assert uploaded.exists() and result.exists()
    delete_files_created_by_app(gallery, age=0)
    assert not uploaded.exists() and not result.exists()


def test_what_gradio_forgets_is_deleted_too(gallery):
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    forgotten = Path(save("a result nobody was shown"))
    shown = {path for block in gallery.blocks.values() for path in getattr(block, "keep_in_cache", ())}
    tidy(gallery, folder)
    assert forgotten.exists()
    tidy(gallery, folder, age=-1)
    assert shown and {str(path) for path in folder.rglob("*") if path.is_file()} == shown
    tidy(gallery, folder, age=-1)
    assert not forgotten.parent.exists()


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path):
    start = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + bytes(5000)

    async def sent():
        yield start
        assert len(list(tmp_path.iterdir())) == 1
        raise ClientDisconnect

    headers = Headers({"Content-Type": "multipart/form-data; boundary=x"})
    with pytest.raises(ClientDisconnect):
        asyncio.run(CarefulParser(headers, sent(), upload_dir=str(tmp_path), max_file_size=9999).parse())
    assert not list(tmp_path.iterdir())


def save(text: str) -> str:
    path = result_file("result.txt")
    path.write_text(text)
    return str(path)


# What a login protects, and what it leaves open: the login page with its styles, and signs of life.
PROTECTED = [
    "GET /config", "GET /gradio_api/info", "GET /gradio_api/file={file}", "POST /gradio_api/upload",
    "GET /gradio_api/upload_progress?upload_id=a", "POST /gradio_api/call/note", "GET /gradio_api/call/note/a",
    "POST /gradio_api/run/note", "POST /gradio_api/queue/join", "GET /gradio_api/queue/data?session_hash=a",
    "GET /gradio_api/queue/status", "POST /gradio_api/component_server", "GET /gradio_api/deep_link?session_hash=a",
    "POST /gradio_api/process_recording", "GET /gradio_api/proxy=http://127.0.0.1/", "GET /gradio_api/openapi.json",
]  # fmt: skip
OPEN = ["GET /", "GET /gradio_api/app_id", "GET /theme.css", "POST /gradio_api/cancel"]


def test_a_login_protects_rooms_and_files():
    gallery = build(Desk())
    _, url, _ = gallery.launch(prevent_thread_lock=True, quiet=True, auth=("ada", "lovelace"), run_history=False)
    with httpx.Client(base_url=url) as visitor, httpx.Client(base_url=url) as stranger:
        wrong = stranger.post("/login", data={"username": "ada", "password": "byron"})
        assert wrong.status_code == 400 and not stranger.cookies
        visitor.post("/login", data={"username": "ada", "password": "lovelace"}).raise_for_status()
        file = visitor.post("/gradio_api/upload", files={"files": ("diary.txt", SECRET.encode())}).json()[0]
        assert visitor.get(f"/gradio_api/file={file}").text == SECRET
        note = visitor.post("/gradio_api/call/note", json={"data": [SECRET]}).json()["event_id"]
        for what in [*PROTECTED, f"GET /gradio_api/call/note/{note}"]:
            method, path = what.format(file=file).split(" ")
            content = {"files": {"files": ("a", b"a")}} if path.endswith(("upload", "recording")) else {}
            if method == "POST" and not content:
                content = {
                    "json": {"data": ["a"], "session_hash": "a", "fn_index": 0, "component_id": 1, "fn_name": "a"}
                }
            assert stranger.request(method, path, **content).status_code == 401, what
        for what in OPEN:
            method, path = what.split(" ")
            content = {"json": {"session_hash": "a", "fn_index": 0, "event_id": "a"}} if method == "POST" else {}
            answer = stranger.request(method, path, **content)
            assert answer.status_code == 200 and SECRET not in answer.text, what
        assert SECRET in visitor.get(f"/gradio_api/call/note/{note}").text
    gallery.close()
