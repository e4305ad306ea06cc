"""A Hugging Face Hub on the loopback interface with one small repository, and ways to misbehave."""

import contextlib
import hashlib
import http.server
import json
import re
import socket
import struct
import threading

REPO = "someone/tiny"
COMMIT = "c0ffee" + "0" * 34


class FakeHub:
    """Serves {name: bytes}.

    Args:
        stall_after: bytes of a file after which the answer pauses until `go_on` is set.
        cut_after: bytes after which the connection ends, once, although more were announced; `reset` ends it rudely.
        status: of the answer to every question about the repository.

    `ranges` has what was asked of the files, in order: "bytes=5-", or None for all.
    """

    def __init__(
        self, files: dict[str, bytes], stall_after: int | None = None, cut_after: int | None = None,
        reset: bool = False, status: int = 200, repo: str = REPO,
    ):  # fmt: skip
        self.files, self.stall_after, self.cut_after, self.reset = files, stall_after, cut_after, reset
        self.status, self.repo = status, repo
        self.ranges: list[str | None] = []
        self.go_on = threading.Event()
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self):
                hub.answer(self, body=False)

            def do_GET(self):
                hub.answer(self, body=True)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: http.server.BaseHTTPRequestHandler, body: bool) -> None:
        if request.path.startswith(f"/api/models/{self.repo}"):
            answer = {"id": self.repo, "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files]}
            if "/tree/" in request.path:
                answer = [
                    {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                    for name, content in self.files.items()
                ]
            content = json.dumps(answer).encode()
            return self.send(request, self.status, content, {"Content-Type": "application/json"}, body)
        name = request.path.rsplit("/", 1)[-1]
        if f"/{self.repo}/resolve/" not in request.path or name not in self.files:
            return self.send(request, 404, b"", {}, body)
        content = self.files[name]
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        wanted = request.headers.get("Range")
        if body:
            self.ranges.append(wanted)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self.send(request, 206 if start else 200, content[start:], headers, body)

    def send(self, request, code: int, content: bytes, headers: dict, body: bool) -> None:
        request.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        if not body:
            return
        pause = self.stall_after if self.cut_after is None else self.cut_after
        first = content if pause is None else content[:pause]
        with contextlib.suppress(ConnectionError):
            request.wfile.write(first)
            request.wfile.flush()
            if len(first) == len(content):
                return
            if self.cut_after is not None:
                self.cut_after = None
                return self.cut(request)
            self.go_on.wait(30)
            request.wfile.write(content[len(first) :])

    def cut(self, request) -> None:
        if self.reset:
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
