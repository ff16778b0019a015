"""Roles of ledger accounts, by the patterns of company.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

WILDCARDS = "*?"


def account_role(account: str, roles: Mapping[str, str]) -> str | None:
    """The role of the most specific pattern that an account matches, or None.

    A pattern is an account, or has `*` for any number of characters and `?` for exactly one. A full account takes
    precedence, then the pattern with the most literal characters, then the one with fewer `*`.

    >>> chart = {"15*": "ar", "1599": "write_off", "1????": "other", "Assets:*:Cash": "cash"}
    >>> account_role("1500", chart), account_role("1599", chart), account_role("10001", chart)
    ('ar', 'write_off', 'other')
    >>> account_role("Assets:US:Bank:Cash", chart), account_role("2400", chart)
    ('cash', None)
    """
    if account in roles and not any(sign in account for sign in WILDCARDS):
        return roles[account]
    return next((roles[pattern] for pattern in ranked(roles) if _expression(pattern).fullmatch(account)), None)


def ranked(roles: Mapping[str, str]) -> list[str]:
    """The patterns, most specific first; the first match is what `account_role` returns.

    >>> ranked({"1*": "ar", "15*": "cash", "150?": "other", "1500": "refund"})
    ['1500', '150?', '15*', '1*']
    """
    return sorted(roles, key=_rank)


def like(pattern: str) -> str:
    """A pattern as an SQL LIKE pattern with `\\\\` as its escape.

    >>> print(like("Assets:A_R:*"), like("1????"))
    Assets:A\\_R:% 1____
    """
    plain = re.sub(r"([\\%_])", r"\\\1", pattern)
    return plain.replace("*", "%").replace("?", "_")


def _rank(pattern: str) -> tuple[bool, int, int, str]:
    wild = sum(pattern.count(sign) for sign in WILDCARDS)
    return wild > 0, wild - len(pattern), pattern.count("*"), pattern


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    """Several `*` in a row count as one, so matching stays fast for any pattern."""
    parts = re.split(r"(\*+|\?)", pattern)
    return re.compile(
        "".join("(?s:.)" if part == "?" else "(?s:.*)" if part.startswith("*") else re.escape(part) for part in parts)
    )
