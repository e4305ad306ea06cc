"""Many visitors at once:  python -m benchmarks.load [--visitors 20] [--minutes 5] [--trickle] [--memory 4]

Starts the gallery in a process of its own. Every visitor has a session, goes from room to room in an order of chance,
and runs the included model on an example. With --trickle one visitor after the other comes instead, visits the next
room, leaves, and is followed ten seconds later: to see over an hour whether memory stays, after the first half in which
all caches fill. Every run must end in a result or in a sentence.
"""

import argparse
import collections
import itertools
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tasks.settings import EXAMPLES, ROOT

PAUSE = 2.0  # seconds a visitor looks at a result, on average
TRICKLE = 10.0  # seconds between visitors
PATIENCE = 120.0  # seconds a visitor waits for the page
SENTENCE = re.compile(r"[A-Z].*[.!?]", re.S)  # what a refusal must look like
SILENCE = re.compile(r"explains it under [0-9a-f]{8}")  # a bug behind a sentence


def example(name: str):
    return handle_file(str(EXAMPLES / name))


ROOMS: dict[str, Callable[[Client], object]] = {
    "image classification": lambda c: c.predict(example("cat.jpg"), api_name="/image_classification"),
    "object detection": lambda c: c.predict(example("collage.jpg"), api_name="/object_detection"),
    "image segmentation": lambda c: c.predict(
        example("cat.jpg"), mode="Cut out", other=None, api_name="/image_segmentation"
    ),
    "image processing": lambda c: c.predict(example("cat.jpg"), api_name="/image_processing"),
    "speech recognition": lambda c: c.predict(example("kennedy.flac"), api_name="/speech_recognition"),
    "translation": lambda c: c.predict("Good morning. How are you?", target="pt", api_name="/translation"),
    "text generation": lambda c: c.predict("Why is the sky blue?", max_tokens=40, api_name="/text_generation"),
    "text to speech": lambda c: c.predict("Good morning, how are you?", api_name="/text_to_speech"),
    "time series": lambda c: c.predict(example("airline-passengers.csv"), api_name="/time_series"),
    "image generation": lambda c: c.predict("a red apple", steps=8, api_name="/image_generation"),
    "image translation": lambda c: c.predict(example("cat.jpg"), api_name="/image_translation_drawing"),
}


def enter(url: str) -> Client:
    """A visitor, patient on a busy machine."""
    return Client(url, verbose=False, httpx_kwargs={"timeout": PATIENCE})


class Visits:
    """What all visitors met."""

    def __init__(self):
        self.seconds: dict[str, list[float]] = collections.defaultdict(list)
        self.sentences: collections.Counter[str] = collections.Counter()
        self.failures: list[str] = []

    def run(self, room: str, client: Client) -> None:
        start = time.perf_counter()
        try:
            ROOMS[room](client)
        except AppError as error:
            if SENTENCE.fullmatch(str(error)) and not SILENCE.search(str(error)):
                self.sentences[str(error)] += 1
            else:
                self.failures.append(f"{room}: {error}")
        except Exception as error:
            self.failures.append(f"{room}: {error!r}")
        else:
            self.seconds[room].append(time.perf_counter() - start)


def visit(url: str, visits: Visits, until: float, seed: int) -> None:
    """A visitor, who goes from room to room until the time is over."""
    chance = random.Random(seed)
    client = enter(url)
    while time.monotonic() < until:
        visits.run(chance.choice(list(ROOMS)), client)
        time.sleep(chance.expovariate(1 / PAUSE))


def resident(pid: int) -> float:
    """Megabytes of memory a process holds (Linux)."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1000


def start(memory: float, folder: str) -> tuple[subprocess.Popen, str]:
    log = Path(folder) / "log"
    words = [sys.executable, "-u", "app.py", "--no-browser", "--offline", "--memory", str(memory)]
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=log.open("w"), stderr=subprocess.STDOUT, env=os.environ | {"GRADIO_TEMP_DIR": folder}
    )
    while not (found := re.search(r"Running on local URL:\s+(\S+)", log.read_text())):
        if process.poll() is not None:
            sys.exit(log.read_text())
        time.sleep(0.2)
    return process, found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--trickle", action="store_true")
    parser.add_argument("--memory", type=float, default=4.0, metavar="GB")
    options = parser.parse_args()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    visits = Visits()
    with tempfile.TemporaryDirectory() as folder:
        process, url = start(options.memory, folder)
        try:
            client = enter(url)
            for number in range(3):
                for room in ROOMS:
                    visits.run(room, client)
                print(f"memory after {number + 1} walks through all rooms: {resident(process.pid):.0f} MB", flush=True)
            alone = {room: statistics.median(times) for room, times in visits.seconds.items()}
            visits.seconds.clear()
            until = time.monotonic() + options.minutes * 60
            held = []
            if options.trickle:
                for room in itertools.cycle(ROOMS):
                    if time.monotonic() > until:
                        break
                    visits.run(room, enter(url))
                    held.append(resident(process.pid))
                    if room == list(ROOMS)[-1]:
                        left = len(list(Path(folder).rglob("*")))
                        print(f"{len(held)} visitors: {held[-1]:.0f} MB, {left} files and folders", flush=True)
                    time.sleep(TRICKLE)
            else:
                people = [
                    threading.Thread(target=visit, args=(url, visits, until, seed)) for seed in range(options.visitors)
                ]
                for person in people:
                    person.start()
                while any(person.is_alive() for person in people):
                    held.append(resident(process.pid))
                    time.sleep(1)
        finally:
            process.terminate()
            process.wait(PATIENCE)
    print("\n| room | runs | alone | median | p95 | longest |\n| --- | --: | --: | --: | --: | --: |")
    for room, times in sorted(visits.seconds.items(), key=lambda item: statistics.median(item[1])):
        p95 = sorted(times)[int(0.95 * (len(times) - 1))]
        values = (alone.get(room, 0), statistics.median(times), p95, max(times))
        print(f"| {room} | {len(times)} | " + " | ".join(f"{value:.1f} s" for value in values) + " |")
    quarters = [statistics.median(held[i * len(held) // 4 : (i + 1) * len(held) // 4 + 1]) for i in range(4)]
    print(f"\nmemory, quarter by quarter: {', '.join(f'{quarter:.0f}' for quarter in quarters)} MB, "
          f"at most {max(held):.0f} MB")  # fmt: skip
    for words, count in visits.sentences.most_common():
        print(f"{count} x {words}")
    print(f"{len(visits.failures)} runs ended in neither a result nor a sentence")
    sys.exit("\n".join(visits.failures[:20]) or None)


if __name__ == "__main__":
    main()
