"""Services on loopback that take pages: an HTTP one and a mail server. Each keeps what it gets, and can be out of order."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Receiver:
    """What arrived at an HTTP service. It answers `status`, after `hangs` seconds; it keeps what it answers 2xx to, or hung on."""

    url: str
    pages: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: int = 0
    status: int = 202
    hangs: float = 0

    def take(self) -> list[tuple[str, str]]:
        """(action, incident) of everything since the last call, from our own webhook's or PagerDuty's body."""
        taken = [_read(page) for page in self.pages]
        self.pages.clear()
        return taken


def _read(page: dict[str, Any]) -> tuple[str, str]:
    key = page.get("incident_key") or page["dedup_key"]
    return page.get("action") or page["event_action"], key.split("/", 2)[2]


@contextmanager
def receiver(certificate: Path | None = None) -> Iterator[Receiver]:
    """A running HTTP service; with a certificate and its key in one file, by TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.asked += 1
            page = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(found.hangs)
            if found.status < 300:
                found.pages.append(page)
                found.headers.append(dict(self.headers.items()))
            try:
                self.send_response(found.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except BrokenPipeError:
                self.close_connection = True  # the sender has lost its patience

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if certificate else "http"
    found = Receiver(f"{scheme}://127.0.0.1:{server.server_address[1]}/secret-path")
    yield from _serving(server, found)


@dataclass
class MailServer:
    """What arrived by mail. While it `refuses`, it answers 451 to every recipient."""

    url: str
    messages: list[EmailMessage] = field(default_factory=list)
    refuses: bool = False


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A running SMTP server that offers no encryption."""

    class Handler(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            self.say("220 loopback")
            for line in self.rfile:
                command = line.split()[0].upper()
                if command == b"DATA":
                    self.say("354 go on")
                    lines = []
                    for text in self.rfile:
                        if text == b".\r\n":
                            break
                        lines.append(text[1:] if text.startswith(b"..") else text)
                    message = message_from_bytes(b"".join(lines), policy=policy.default)
                    assert isinstance(message, EmailMessage)
                    found.messages.append(message)
                refused = command == b"RCPT" and found.refuses
                self.say("451 not now" if refused else "221 bye" if command == b"QUIT" else "250 ok")
                if command == b"QUIT":
                    return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = MailServer(f"smtp://127.0.0.1:{server.server_address[1]}")
    yield from _serving(server, found)


def _serving(server: Any, found: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def own_certificate(path: Path, now: datetime) -> Path:
    """A certificate for 127.0.0.1 that only those trust who are given it, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path
