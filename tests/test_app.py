"""The gallery through its own API: typed names, sentences instead of tracebacks, nobody's files but one's own."""

import logging

import gradio as gr
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import app
from tasks import TASKS
from tasks.errors import BadInput
from tasks.limits import Limits
from tasks.settings import EXAMPLES, ROOT


@pytest.fixture(scope="module")
def url():
    gallery = app.build()
    limit = app.AT_HOME.upload
    _, url, _ = gallery.launch(prevent_thread_lock=True, quiet=True, max_file_size=limit, footer_links=["api"])
    yield url
    gallery.close()


@pytest.fixture(scope="module")
def client(url):
    return Client(url, verbose=False)


def test_every_task_has_an_endpoint_of_its_name(client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    for task in TASKS:
        endpoint = endpoints[f"/{task.slug.replace('-', '_')}"]
        assert endpoint["parameters"], task.slug
        assert endpoint["description"], f"{task.slug}: the handler has no docstring"
    assert all(name.strip("/").startswith(tuple(task.slug.replace("-", "_") for task in TASKS)) for name in endpoints)


def classify(client, image, model="EfficientNet-Lite2", top_k=3, labels=""):
    return client.predict(image, model, top_k, labels, api_name="/image_classification")


def test_a_picture_is_classified_through_the_api(client):
    result, status = classify(client, handle_file(str(EXAMPLES / "coffee.jpg")))
    assert result["label"] == "espresso" and len(result["confidences"]) == 3
    assert "EfficientNet-Lite2" in status


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not a picture"), (b"GIF89a", "not a picture|damaged"), (b"<svg></svg>", "not a picture")],
    ids=["empty", "cut", "svg"],
)
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_bad_pictures_get_a_sentence(client, tmp_path, content, message, suffix):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(AppError, match=message):
        classify(client, handle_file(str(path)))


def test_an_upload_over_the_limit_is_refused(client, tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(bytes(21 * 2**20))
    with pytest.raises(Exception, match=r"413|exceed|large"):
        classify(client, handle_file(str(path)))


def test_a_model_that_is_not_there_gets_a_sentence(client):
    picture = handle_file(str(EXAMPLES / "cat.jpg"))
    with pytest.raises(AppError, match="offline"):
        classify(client, picture, "ConvNeXt-Tiny")
    with pytest.raises(AppError, match="not in the list of choices"):
        classify(client, picture, "SkyNet")


def test_files_of_the_machine_stay_there(client, url):
    import httpx

    secret = ROOT / "app.py"
    with pytest.raises(AppError):
        classify(client, {"path": str(secret), "meta": {"_type": "gradio.FileData"}})
    for path in ("/etc/passwd", str(secret), f"{ROOT}/assets/../app.py", "file:///etc/passwd"):
        assert httpx.get(f"{url}gradio_api/file={path}").status_code in {403, 404}


def test_a_bug_shows_an_id_and_the_log_explains_it(caplog):
    with caplog.at_level(logging.ERROR):
        message = app.sentence(ZeroDivisionError("secret detail"))
    number = message.rsplit(" ", 1)[-1].rstrip(".")
    assert "secret detail" not in message and number in caplog.text and "secret detail" in caplog.text


def test_what_a_visitor_typed_is_not_run_as_html():
    import asyncio

    with app.Gallery() as gallery:
        box = gr.Textbox()

        @box.submit(inputs=box)
        def refuse(text):
            raise BadInput(f"There is no {text}.")

    with pytest.raises(gr.Error) as error:
        asyncio.run(gallery.process_api(0, ["<img src=x onerror=alert(1)>"]))
    assert "&lt;img" in error.value.message


def test_the_rooms_are_tools_for_mcp_clients():
    import asyncio

    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    gallery = app.build()
    _, url, _ = gallery.launch(prevent_thread_lock=True, quiet=True, mcp_server=True)

    async def tools():
        async with (
            streamablehttp_client(f"{url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as mcp,
        ):
            await mcp.initialize()
            return {tool.name: tool.description for tool in (await mcp.list_tools()).tools}

    found = asyncio.run(tools())
    gallery.close()
    for task in TASKS:
        assert len(found[task.slug.replace("-", "_")]) > 20


@pytest.mark.parametrize(
    "words", [["--auth", "nopassword"], ["--auth", "a:b", "--mcp"], ["--threads", "0"], ["--memory", "-1"]]
)
def test_flags_that_make_no_sense_are_refused(words, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["app.py", *words])
    with pytest.raises(SystemExit):
        app.arguments()
    assert "error" in capsys.readouterr().err


def test_a_shared_gallery_is_launched_with_the_limits_of_strangers(monkeypatch, tmp_path):
    told = {}
    monkeypatch.setattr(app.Gallery, "launch", lambda self, **options: told.update(options) or (None, None, None))
    monkeypatch.setattr(app.Gallery, "block_thread", lambda self: None)
    monkeypatch.setattr(app, "keep_tidy", lambda gallery, folder: None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["app.py", "--share", "--auth", "ada:love:lace"])
    app.serve(app.arguments())
    assert told["share"] and told["auth"] == ("ada", "love:lace") and not told["inbrowser"]
    assert told["max_file_size"] == app.IN_PUBLIC.upload and told["state_session_capacity"] <= 100


def test_where_strangers_come_runs_are_counted_and_the_link_is_shown():
    gallery = app.build(Limits(upload="10mb", waiting=8, runs=2))
    _, url, _ = gallery.launch(prevent_thread_lock=True, quiet=True)
    visitor, other = Client(url, verbose=False), Client(url, verbose=False)
    picture = handle_file(str(EXAMPLES / "coffee.jpg"))
    for _ in range(2):
        classify(visitor, picture)
    with pytest.raises(AppError, match="more than 2 runs within a minute"):
        classify(visitor, picture)
    classify(other, picture)
    gallery.close()
    assert "https://example.org/abc" in app.public_link("https://example.org/abc")
    assert not app.public_link(None)


def test_the_home_page_has_a_card_for_each_task():
    page = app.home_page()
    for task in TASKS:
        assert f'href="?task={task.slug}"' in page and task.title in page
