"""Fetches files of a repository on the Hugging Face Hub, in a process of its own so that it can be stopped.

weights.Hub starts it: python hub_download.py REPOSITORY REVISION FILE…  If that fails, the last line it writes is JSON:
{"status": of the Hub's answer or null, "errno": of the machine or null, "said": a line for the log}.
"""

import json
import os
import sys
import threading

from huggingface_hub import constants, snapshot_download

PIECE = 2**18  # bytes written at once: the library's own 10 MB hide the progress, and are lost if a connection breaks


def end_with_the_gallery() -> None:
    """However the gallery ends, its end of our standard input closes."""
    while os.read(0, 1):
        pass
    os._exit(1)


def reason(error: BaseException) -> dict:
    """Why it failed, from the exception and those that led to it."""
    facts = {"status": None, "errno": None, "said": f"{type(error).__name__}: {error}".replace("\n", " ")}
    cause: BaseException | None = error
    while cause:
        facts["status"] = facts["status"] or getattr(getattr(cause, "response", None), "status_code", None)
        facts["errno"] = facts["errno"] or getattr(cause, "errno", None)
        cause = cause.__cause__ or cause.__context__
    return facts


def main(repo: str, revision: str, *files: str) -> None:
    threading.Thread(target=end_with_the_gallery, daemon=True).start()
    constants.DOWNLOAD_CHUNK_SIZE = PIECE
    try:
        snapshot_download(repo, revision=revision, allow_patterns=list(files))
    except Exception as error:
        print(f"\n{json.dumps(reason(error))}", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
