"""What the path of a feed names: a place below the home or in an object store, and by its placeholders the day or period of a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

STORES = ("s3", "gs", "abfs")
"""Object stores that a path may name: S3 and what has its API, Google Cloud Storage, Azure."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_IN_PATHS = frozenset("YymdbBjGVuU%")


def path_problems(path: str) -> list[str]:
    """Problems of a path pattern: an object store, a place outside the home, an unknown placeholder."""
    if "://" in path:
        problems = _store_problems(path)
    elif path.startswith(("/", "~", "\\")) or path[1:2] == ":" or ".." in re.split(r"[/\\]", path):
        problems = [
            f"path {path} leads out of the home; give one below it, such as landing/payments/{{day}}.csv, and mount or link "
            "there what lies elsewhere"
        ]
    else:
        problems = []
    for placeholder in _PLACEHOLDER.findall(path):
        name, _, pattern = placeholder.partition(":")
        used = set(re.findall(r"%-?(.)", pattern))
        if name not in ("day", "month", "from", "to") or (
            ":" in placeholder and not (used - {"%"} and used <= _IN_PATHS)
        ):
            problems.append(
                f"path: {{{placeholder}}} is not known; write {{day}}, {{month}}, {{from}} and {{to}}, or with a pattern: "
                "{day:%Y%m%d}, {day:%G-W%V} for weeks"
            )
        elif ("V" in used) != ("G" in used):
            problems.append(
                f"path: {{{placeholder}}} mixes two kinds of years; %V is the week of the year %G: {{day:%G-W%V}}"
            )
    names = {placeholder.partition(":")[0] for placeholder in _PLACEHOLDER.findall(path)}
    if names & {"from", "to"} and names != {"from", "to"}:
        problems.append(
            f"path {path}: {{from}} and {{to}} together name the first and last day of a file, without {{day}} or {{month}}"
        )
    if not problems and set(_PLACEHOLDER.sub("", path)) & set("{}"):
        problems.append(f"path {path}: a brace is open; write {{day}} or {{month}}")
    return problems


def _store_problems(path: str) -> list[str]:
    """Problems of a path in an object store."""
    scheme, _, rest = path.partition("://")
    bucket, _, inside = rest.partition("/")
    if scheme not in STORES:
        known = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfss": "abfs", "az": "abfs", "wasbs": "abfs"}.get(scheme)
        cure = f"write {known}://" if known else "copy or mount the files, for example path: landing/payments/{day}.csv"
        return [f"path {scheme}://... is not read; {', '.join(f'{name}://' for name in STORES)} are: {cure}"]
    if (
        ":" in bucket
        or re.search(r"(?i)[?&;][\w-]*(sig|signature|token|credential|key)[\w-]*=", inside)
        or ("@" in bucket and scheme != "abfs")
        or (bucket.count("@") > 1)
    ):
        return [
            f"path {scheme}://... seems to hold credentials; these belong in the environment "
            "(docs/feeds.md, Object stores), never in a file"
        ]
    problems = []
    if not re.fullmatch(r"[\w.@-]+", bucket):
        problems.append(
            f"path {path}: name the bucket itself, without placeholders or wildcards: {scheme}://bucket/{{day}}.csv"
        )
    if not inside or {"", ".", ".."} & set(inside.split("/")):
        problems.append(f"path {path}: name the objects in the bucket: {scheme}://{bucket}/payments/{{day}}.csv")
    return problems


def path_on(path: str, day: date) -> str:
    """The path pattern of a day. {from} and {to} become wildcards: `period_named` tells which of the files hold the day.

    >>> path_on("in/x_{day:%Y%m%d}.csv", date(2026, 3, 2)), path_on("{month}/*.csv", date(2026, 3, 2))
    ('in/x_20260302.csv', '2026-03/*.csv')
    """
    return _one_star(
        _PLACEHOLDER.sub(lambda found: "*" if _is_end(found[1]) else day.strftime(_pattern(found[1])), path)
    )


def span_of(path: str) -> Literal["day", "period"] | None:
    """What a path names the files of: single days, or periods of many days. None without a placeholder.

    >>> span_of("{day}.csv"), span_of("{day:%Y}/{day:%m%d}.csv"), span_of("{month}.csv"), span_of("x.csv")
    ('day', 'day', 'period', None)
    """
    if not _PLACEHOLDER.search(path):
        return None
    leap = [date(2028, 1, 1) + timedelta(days=number) for number in range(366)]
    return "day" if len({path_on(path, day) for day in leap}) == len(leap) else "period"


def names_ends(path: str | None) -> bool:
    """Whether a path names the first and last day of each file: {from} and {to}."""
    return path is not None and any(map(_is_end, _PLACEHOLDER.findall(path)))


def period_named(path: str, found: str) -> tuple[date, date] | None:
    """The first and last day of the period that a file's path names, None if it does not fit the pattern or cannot be dated.

    >>> period_named("in/{month}.csv", "in/2026-02.csv"), period_named("in/{month}.csv", "in/old.csv")
    ((datetime.date(2026, 2, 1), datetime.date(2026, 2, 28)), None)
    >>> period_named("{from:%d%m%y}_{to:%d%m%y}*", "010326_150326 final.csv")
    (datetime.date(2026, 3, 1), datetime.date(2026, 3, 15))
    """
    parts = _PLACEHOLDER.split(path)
    shape = "".join(
        f"({_shape(_pattern(part))})" if number % 2 else re.escape(part).replace(r"\*", ".*").replace(r"\?", ".")
        for number, part in enumerate(parts)
    )
    matched = re.fullmatch(shape, found)
    if matched is None:
        return None
    named, texts = parts[1::2], matched.groups()
    if any(map(_is_end, named)):
        ends = [
            _day_of([n for n, _ in of], [t for _, t in of])
            for end in ("from", "to")
            if (of := [pair for pair in zip(named, texts, strict=True) if pair[0].partition(":")[0] == end])
        ]
        first, last = (ends[0], ends[-1]) if len(ends) == 2 else (None, None)
        return (first, last) if first is not None and last is not None and first <= last else None
    first = _day_of(named, texts)
    if first is None:
        return None
    last = first
    while path_on(path, after := last + timedelta(days=1)) == path_on(path, first):
        last = after
    return first, last


def _day_of(named: Sequence[str], texts: Sequence[str]) -> date | None:
    """The first day for which these placeholders stand for these texts."""
    pattern, given = "|".join(map(_pattern, named)), "|".join(texts)
    if "%V" in pattern:
        pattern, given = pattern + "|%u", given + "|1"
    try:
        first = datetime.strptime(given, pattern).date()  # noqa: DTZ007
    except ValueError:
        return None
    return first if first.strftime(pattern) == given else None  # 2026-3-2 is no YYYY-MM-DD


def _shape(pattern: str) -> str:
    """A regular expression for what strftime writes by the pattern."""
    digits = {"Y": "4", "G": "4", "j": "3"}
    parts = re.split(r"%(-?)(.)", pattern)
    shape = re.escape(parts[0])
    for short, letter, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        count = digits.get(letter, "2")
        known = "%" if letter == "%" else r"\w+" if letter in "bB" else rf"\d{{{f'1,{count}' if short else count}}}"
        shape += known + re.escape(text)
    return shape


def any_period(path: str) -> str:
    """The path pattern with a wildcard for each placeholder."""
    return _one_star(_PLACEHOLDER.sub("*", path))


def _one_star(pattern: str) -> str:
    """The pattern without two wildcards one after the other within a name, which glob refuses."""
    return "/".join(part if part == "**" else re.sub(r"\*+", "*", part) for part in pattern.split("/"))


def _is_end(placeholder: str) -> bool:
    return placeholder.partition(":")[0] in ("from", "to")


def _pattern(placeholder: str) -> str:
    name, _, pattern = placeholder.partition(":")
    return pattern or ("%Y-%m" if name == "month" else "%Y-%m-%d")
