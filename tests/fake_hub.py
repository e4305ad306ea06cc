"""A Hugging Face Hub on the loopback interface with one small repository, and ways to misbehave."""

import contextlib
import hashlib
import http.server
import json
import threading

REPO = "someone/tiny"
COMMIT = "c0ffee" + "0" * 34


class FakeHub:
    """Serves {name: bytes}. `stall_after`: bytes of a file after which the answer pauses until `go_on` is set."""

    def __init__(self, files: dict[str, bytes], stall_after: int | None = None, status: int = 200, repo: str = REPO):
        self.files, self.stall_after, self.status, self.repo = files, stall_after, status, repo
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
        return self.send(request, 200, content, headers, body)

    def send(self, request, code: int, content: bytes, headers: dict, body: bool) -> None:
        request.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        if not body:
            return
        first = content if self.stall_after is None else content[: self.stall_after]
        with contextlib.suppress(ConnectionError):
            request.wfile.write(first)
            request.wfile.flush()
            if len(first) < len(content):
                self.go_on.wait(30)
                request.wfile.write(content[len(first) :])
