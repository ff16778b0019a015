"""Keep the secrets of a database URL out of messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from billing_recon.core.feed import SECRETS


def secrets_of(url: str) -> tuple[str, ...]:
    """Return every part of a URL that may belong to a password, even if the URL is malformed."""
    user, _, _ = url.partition("://")[2].rpartition("@")
    parts = {user.partition(":")[2], *re.findall(rf"(?i)\b(?:{'|'.join(SECRETS)})=([^&]*)", url)}
    pieces = parts | {piece for part in parts for piece in re.split(r"[:@/?&=\s+]+", part) if len(piece) > 1}
    pieces |= {unquote(piece) for piece in pieces}
    return tuple(sorted((piece for piece in pieces if piece), key=len, reverse=True))


def hidden(message: str, secrets: Sequence[str]) -> str:
    """Return the first line of a driver's message without secrets.

    >>> hidden("no such user ann:pw1 at db", ("pw1",))
    'no such user ann:*** at db'
    """
    line = " ".join(message.strip().split("\n")[0].split())
    for secret in secrets:
        line = line.replace(secret, "***")
    return line
