"""What the README says is so."""

import re

import app
from tasks import TASKS
from tasks.settings import ROOT
from tasks.voice_matching import GE2E

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_flags_are_those_of_the_program(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["app.py", "--help"])
    try:
        app.arguments()
    except SystemExit:
        told = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    table = README.split("## Flags")[1].split("\n## ")[0]
    assert set(re.findall(r"`(--[a-z-]+)", table)) == told


def test_every_room_is_listed():
    rooms = README.split("## Rooms")[1].split("\n## ")[0]
    assert re.findall(r"^\| \*\*(.+?)\*\*", rooms, re.M) == [task.title for task in TASKS]
    for task in TASKS:
        row = next(line for line in rooms.splitlines() if f"**{task.title}**" in line)
        assert task.models[0].name in row, "the default model is named"


def test_files_it_names_exist():
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"^    (\S+)  ", README.split("## Layout")[1], re.M):
        assert (ROOT / path).exists(), path


def pins(name: str) -> set[str]:
    return {line for line in (ROOT / name).read_text().splitlines() if "==" in line and line[0] != "#"}


def test_every_wheel_of_weights_is_pinned_and_used():
    sources = [model.source for task in TASKS for model in task.models] + [GE2E.source]
    sources += [source.needs for source in sources if getattr(source, "needs", None)]
    used = {pin for source in sources for pin in getattr(source, "requirements", ())}
    assert pins("requirements-weights.txt") <= used
    assert used <= pins("requirements-weights.txt") | pins("requirements.txt")
