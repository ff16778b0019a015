"""A webhook on loopback that keeps what it gets, and can be out of order for a while."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What arrived. While `down`, it answers 503 and keeps nothing; `fails_for` does so for single days."""

    url: str
    pages: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False
    fails_for: set[str] = field(default_factory=set)

    def take(self) -> list[tuple[str, str]]:
        """(action, gate/day) of everything since the last call."""
        taken = [(p["event_action"], p["dedup_key"].split("/", 2)[2]) for p in self.pages]
        self.pages.clear()
        return taken


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running receiver."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            page = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            refused = found.down or page["payload"]["group"] in found.fails_for
            if not refused:
                found.pages.append(page)
            self.send_response(503 if refused else 202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_address[1]}/page")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
