"""Neural Gallery: find out what neural networks can do by trying it.  python app.py --help"""

import argparse
import html
import logging
import os
import signal
import sys
import tempfile
import uuid
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from tasks import TASKS, models, payload
from tasks.errors import NO_MEMORY, GalleryError, shortage
from tasks.limits import AT_HOME, IN_PUBLIC, MOST_PAGES, Limits, Turns
from tasks.settings import ASSETS, settings
from tasks.task import GROUPS, NETWORKS, QUIET, card_icon, connect_rooms, refresh_pickers, render
from tasks.visitor_files import KEEP_FILES, TIDY_EVERY, keep_tidy

log = logging.getLogger("neural_gallery")

THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="stone",
    radius_size="lg",
    font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
    font_mono=["ui-monospace", "Consolas", "monospace"],
).set(
    body_background_fill="*neutral_50",
    body_background_fill_dark="*neutral_950",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    block_label_text_color="*neutral_600",
    block_title_text_color="*neutral_600",
    color_accent="*primary_700",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_text_color="white",
    slider_color="*primary_700",
    checkbox_background_color_selected="*primary_700",
    link_text_color="*primary_700",
    link_text_color_dark="*primary_300",
)


class Gallery(gr.Blocks):
    """Blocks whose every event ends in a result or in a sentence a visitor can act on."""

    def __init__(self, *args, limits: Limits = AT_HOME, **kwargs):
        super().__init__(*args, **kwargs)
        self.turns = Turns(limits.runs)

    async def process_api(self, block_fn, inputs, state=None, request=None, iterator=None, *args, **kwargs):
        try:
            event = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
            if iterator is None and event.concurrency_id in NETWORKS and isinstance(request, gr.Request):
                self.turns.take(request.session_hash)
            return await super().process_api(block_fn, inputs, state, request, iterator, *args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            # Gradio shows the message as HTML, and it may quote what the visitor typed.
            raise gr.Error(html.escape(sentence(error), quote=False), print_exception=False) from error

    async def preprocess_data(self, block_fn, inputs, state, explicit_call=False):
        try:
            inputs = inputs if explicit_call else payload.checked(inputs, block_fn.inputs)
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except Exception as error:
            raise payload.refusal(error) from error


def sentence(error: Exception) -> str:
    """What a visitor reads about an exception: its own words, or an id under which the log has the traceback."""
    if isinstance(error, GalleryError):
        return str(error)
    if short := shortage(error):
        log.error("%s", short, exc_info=error)
        if short == NO_MEMORY:
            models.unload_all()
        return short
    number = uuid.uuid4().hex[:8]
    log.error("error %s", number, exc_info=error)
    return f"Something went wrong on our side, not yours. The gallery's log explains it under {number}."


def build(limits: Limits = AT_HOME) -> gr.Blocks:
    """The page: home, then a tab per group with a tab per task."""
    tidy = {"delete_cache": (TIDY_EVERY, KEEP_FILES)}
    with Gallery(title="Neural Gallery", limits=limits, **tidy) as gallery, gr.Tabs():
        with gr.Tab("Home", elem_id="tab-home"):
            gr.HTML(home_page())
            link = gr.Markdown(elem_id="public-link")
            gallery.load(lambda: public_link(gallery.share_url), None, link, **QUIET)
        for group in GROUPS:
            tasks = [task for task in TASKS if task.group == group]
            if not tasks:
                continue
            with gr.Tab(group, elem_id=f"tab-{slugify(group)}"), gr.Tabs():
                for task in tasks:
                    with gr.Tab(task.title, elem_id=f"tab-{task.slug}"):
                        render(task)
        refresh_pickers()
        connect_rooms([task.slug for task in TASKS])
    for event in gallery.fns.values():
        if event.api_visibility == "public":
            event.fn.__name__ = event.api_name  # Gradio names the tools of MCP clients after the function
    return gallery.queue(max_size=limits.waiting)


def public_link(url: str | None) -> str:
    """For the home page of a gallery that is shared."""
    return f"**Shared:** everyone can visit at [{url}]({url}) for a week, as long as this gallery runs." if url else ""


def home_page() -> str:
    """One card per task, grouped. Every word here is ours, none a visitor's or a model's."""
    included = len({model for task in TASKS for model in task.models if model.included})
    parts = [
        '<header class="hero"><h1>What can I do with neural networks?</h1>',
        "<p>Find out by trying. Bring a picture, a voice or a sentence, or take the example that waits in each room. ",
        f"{included} networks live in this gallery and need no internet. ",
        "What you bring stays on the machine the gallery runs on.</p></header>",
    ]
    for group in GROUPS:
        tasks = [task for task in TASKS if task.group == group]
        if not tasks:
            continue
        parts.append(f'<section><h2>{html.escape(group)}</h2><div class="cards">')
        parts += [
            f'<a class="card" href="?task={task.slug}" data-task="{task.slug}" data-group="{slugify(group)}">'
            f"{card_icon(task)}<h3>{html.escape(task.title)}</h3><p>{html.escape(task.sentence)}</p></a>"
            for task in tasks
        ]
        parts.append("</div></section>")
    return "".join(parts)


def slugify(text: str) -> str:
    return text.lower().replace(" ", "-")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Neural Gallery: find out what neural networks can do by trying it.")
    parser.add_argument(
        "--host", help="address to listen on, 0.0.0.0 for all (default: GRADIO_SERVER_NAME or 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, help="default: GRADIO_SERVER_PORT, or the first free one from 7860")
    parser.add_argument("--share", action="store_true", help="also open a public link (needs a network)")
    parser.add_argument("--offline", action="store_true", help="never connect to the Hugging Face Hub")
    parser.add_argument("--mcp", action="store_true", help="offer the tasks as tools to MCP clients")
    parser.add_argument("--auth", metavar="USER:PASS", help="ask visitors for this name and password")
    parser.add_argument("--threads", type=int, default=settings.threads, metavar="N", help="threads per network")
    parser.add_argument(
        "--memory", type=float, default=settings.memory_gb, metavar="GB", help="budget for loaded models"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    options = parser.parse_args()
    if options.auth and ":" not in options.auth:
        parser.error("--auth wants USER:PASS")
    if options.auth and options.mcp:
        parser.error("--mcp does not work with --auth: its clients cannot log in")
    if options.threads < 1 or options.memory <= 0:
        parser.error("--threads and --memory must be positive")
    return options


def main() -> None:
    options = arguments()
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
    settings.threads, settings.memory_gb, settings.offline = options.threads, options.memory, options.offline
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # an orderly end, so that visitors' files go with us
    if parent := os.environ.get("GRADIO_TEMP_DIR"):
        os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="neural-gallery-", dir=parent, ignore_cleanup_errors=True) as files:
        os.environ["GRADIO_TEMP_DIR"] = str(Path(files).resolve())
        serve(options)


def serve(options: argparse.Namespace) -> None:
    """Open the gallery and stay until somebody stops it. Files of visitors lie in GRADIO_TEMP_DIR, and nothing else."""
    public = options.share or "SPACE_ID" in os.environ  # a Space on Hugging Face has an id
    limits = IN_PUBLIC if public else AT_HOME
    gallery = build(limits)
    _, _, public_url = gallery.launch(
        server_name=options.host,
        server_port=options.port,
        share=options.share,
        mcp_server=options.mcp,
        auth=tuple(options.auth.split(":", 1)) if options.auth else None,
        inbrowser=not (options.no_browser or public),
        prevent_thread_lock=True,
        max_file_size=limits.upload,
        state_session_capacity=MOST_PAGES,
        theme=THEME,
        css_paths=[ASSETS / "style.css"],
        head=f"<script>{(ASSETS / 'gallery.js').read_text()}</script>",
        footer_links=["api", "settings"],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
    )
    if options.share and not public_url:
        print("No public link: sharing needs the internet. The gallery runs on this machine all the same.", flush=True)
    if public_url and not options.auth:
        print("Warning: everyone who has the link can come in. --auth USER:PASS asks for a password.", flush=True)
    keep_tidy(gallery, Path(os.environ["GRADIO_TEMP_DIR"]))
    gallery.block_thread()


if __name__ == "__main__":
    main()
