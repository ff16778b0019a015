"""What of a database's URL must never be shown, and messages without it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from billing_recon.core.feed import SECRETS


def secrets_of(url: str) -> tuple[str, ...]:
    """Every piece of a URL that may be, or be a part of, a password: also where the URL is not written as it should be."""
    user, _, _ = url.partition("://")[2].rpartition("@")
    whole = {user.partition(":")[2], *re.findall(rf"(?i)\b(?:{'|'.join(SECRETS)})=([^&]*)", url)}
    pieces = whole | {piece for part in whole for piece in re.split(r"[:@/?&=\s+]+", part) if len(piece) > 1}
    pieces |= {unquote(piece) for piece in pieces}
    return tuple(sorted((piece for piece in pieces if piece), key=len, reverse=True))


def hidden(message: str, secrets: Sequence[str]) -> str:
    """The first line of a driver's message, with nothing secret in it.

    >>> hidden("no such user ann:pw1 at db", ("pw1",))
    'no such user ann:*** at db'
    """
    line = " ".join(message.strip().split("\n")[0].split())
    for secret in secrets:
        line = line.replace(secret, "***")
    return line
