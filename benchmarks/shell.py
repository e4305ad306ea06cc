"""What the house costs: starting it, and calling it through its API."""

import subprocess
import sys
from collections.abc import Iterator

import gradio as gr
from gradio_client import Client, handle_file

from benchmarks import Row, compare
from tasks.image_classification import DEFAULT, classify
from tasks.settings import EXAMPLES, ROOT

BARE = "import gradio as gr\nwith gr.Blocks() as page: pass\npage.launch(prevent_thread_lock=True, quiet=True)"
OURS = "import app\napp.build().launch(prevent_thread_lock=True, quiet=True)"


def start(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def rows() -> Iterator[Row]:
    yield compare("start the gallery, beside an empty Blocks", lambda: start(OURS), lambda: start(BARE), runs=3)

    import app

    picture = str(EXAMPLES / "cat.jpg")

    def bare_endpoint(path: str) -> list[str]:
        return [prediction.label for prediction in classify(path)]

    with gr.Blocks() as bare:
        gr.api(bare_endpoint, api_name="classify")
    gallery = app.build()
    _, url, _ = gallery.launch(prevent_thread_lock=True, quiet=True)
    _, bare_url, _ = bare.launch(prevent_thread_lock=True, quiet=True)
    client, bare_client = Client(url, verbose=False), Client(bare_url, verbose=False)

    def ours() -> None:
        client.predict(handle_file(picture), DEFAULT.name, 5, "", api_name="/image_classification")

    yield compare("classify through the API, beside the function", ours, lambda: classify(picture), runs=15)
    yield compare(
        "classify through the API, beside a bare Gradio endpoint", ours,
        lambda: bare_client.predict(picture, api_name="/classify"), runs=15,
        note="the bare one is given a path and uploads nothing",
    )  # fmt: skip
    gallery.close()
    bare.close()
