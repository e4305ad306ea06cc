"""Runs are counted per visitor and minute; the queue is bounded, and whoever came first is served first."""

import threading

import gradio as gr
import httpx
import pytest

import app
from tasks import limits
from tasks.errors import BadInput
from tasks.limits import Limits, Turns
from tasks.task import HEAVY, LIGHT


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_visitor_has_so_many_runs_a_minute_and_others_have_their_own():
    clock = Clock()
    turns = Turns(3, clock)
    for _ in range(3):
        turns.take("ada")
    with pytest.raises(BadInput, match="more than 3 runs within a minute"):
        turns.take("ada")
    turns.take("bob")
    clock.now = 60.0
    turns.take("ada")


def test_visitors_of_long_ago_are_forgotten(monkeypatch):
    monkeypatch.setattr(limits, "MOST_VISITORS", 2)
    turns = Turns(1, Clock())
    for visitor in ("ada", "bob", "eve"):
        turns.take(visitor)
    turns.take("ada")
    with pytest.raises(BadInput):
        turns.take("eve")


def test_a_full_queue_says_so_and_the_rest_is_served_in_turn():
    busy, go_on, served = threading.Barrier(HEAVY["concurrency_limit"] + 1), threading.Event(), []

    def work(name: str) -> str:
        if name == "long":
            busy.wait(60)
            go_on.wait(60)
        served.append(name)
        return name

    with app.Gallery() as gallery:
        box = gr.Textbox()
        box.submit(work, box, box, api_name="one_room", **HEAVY)
        box.change(work, box, box, api_name="another_room", **HEAVY)
        box.blur(work, box, box, api_name="light_room", **LIGHT)
    gallery.queue(max_size=4)
    _, url, _ = gallery.launch(prevent_thread_lock=True, quiet=True)

    def join(room: str, name: str) -> httpx.Response:
        return httpx.post(f"{url}gradio_api/call/{room}", json={"data": [name]})

    def result(room: str, joined: httpx.Response) -> str:
        return httpx.get(f"{url}gradio_api/call/{room}/{joined.json()['event_id']}", timeout=60).text

    long = [join("one_room", "long") for _ in range(HEAVY["concurrency_limit"])]
    busy.wait(60)
    assert "quick" in result("light_room", join("light_room", "quick")), "a light run waited for heavy ones"
    rooms = ["one_room", "another_room", "another_room", "one_room"]
    waiting = [join(room, f"visitor {number}") for number, room in enumerate(rooms)]
    full = join("one_room", "too late")
    assert full.status_code == 503 and "Queue is full" in full.json()["detail"]
    go_on.set()
    for joined in long:
        result("one_room", joined)
    for room, joined in zip(rooms, waiting, strict=True):
        assert "complete" in result(room, joined)
    in_turn = [name for name in served if name.startswith("visitor")]
    assert sorted(in_turn) == [f"visitor {number}" for number in range(4)]
    for number, name in enumerate(in_turn):  # two at a time: neighbours may change places, nobody is passed over
        assert abs(number - int(name.removeprefix("visitor "))) < HEAVY["concurrency_limit"]
    assert "complete" in result("one_room", join("one_room", "again"))
    gallery.close()


def test_the_gallery_has_the_queue_its_limits_say():
    assert app.build(Limits(upload="1mb", waiting=3, runs=1))._queue.max_size == 3
