"""Write the records of a JSON file, one array or objects one after another, as JSON lines. Figures stay as they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from billing_recon.core.errors import LandingRefused

JSON_BYTES_MAX = 1 << 28
"""A file with one array is read whole; JSON lines may be larger."""
_BLANK = re.compile(r"[\s,]*")
_BREAKS = re.compile(r"[\r\n]+")
_SEPARATORS = re.compile(r"[^A-Za-z]+")
_NEXT = (
    "",
    "page",
    "link",
    "url",
    "uri",
    "cursor",
    "offset",
    "token",
    "pagetoken",
    "pageurl",
    "pagelink",
    "recordsurl",
    "marker",
    "continuationtoken",
)
_MORE = frozenset(("hasmore", "hasmoreitems", "hasnext", "hasnextpage", "moreitems"))
"""Keys, without their separators, that say whether more pages follow. If one says no, a link to a next page leads to an empty one."""
_FOLLOWING = _MORE | {
    *(f"next{what}" for what in _NEXT),
    "odatanextlink",
    "lastevaluatedkey",
    "continuationtoken",
    "istruncated",
    "truncated",
    "incompleteresults",
}
"""Keys, without their separators, that hold something if more pages follow: next_page, nextPageToken, @odata.nextLink."""
_ENDED = frozenset(("done", "complete", "iscomplete", "jobcomplete", "last", "islast", "islastpage", "lastpage"))
"""Keys, without their separators, that are false if more pages follow."""
_PAGES, _PAGE_COUNTS = ("currentpage", "page", "pagenumber"), ("totalpages", "pagecount", "lastpage", "pages")
_TOTALS = (
    "totalcount",
    "totalitems",
    "totalsize",
    "totalrecords",
    "totalresults",
    "totalrows",
    "recordstotal",
    "totalelements",
)
"""Keys, without their separators, that count all rows of all pages."""
_PAGED = frozenset((*_PAGES, *_PAGE_COUNTS, "perpage", "pagesize", "size", "limit", "offset", "skip", "take"))
"""With one of these keys in the same object, `total` counts rows and is no sum of money."""
_NOTHING: tuple[Any, ...] = (None, "", False, [], {}, "0", "null", "false")


def is_one_value(path: Path) -> bool:
    """Whether a JSON file is not one object per line: an array, an object over several lines, or a single one."""
    with path.open("rb") as stream:
        head = stream.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"["):
        return True
    first, _, rest = head.partition(b"\n")
    if not head.startswith(b"{"):
        return False
    return not rest.strip() or not (first.strip().endswith(b"}") and _is_object(first.strip()))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return True  # a broken line among lines


def write_lines(name: str, path: Path, records: str | None, out: Path) -> None:
    """Write each record of the file to `out` as a line: the objects of its array, or of the array that `records` names.

    Without `records`, the array of an object is the only one that it has. Raise LandingRefused if it is cut off, or is one page of several.
    """
    if path.stat().st_size > JSON_BYTES_MAX:
        raise LandingRefused(
            f"{name}: a JSON file of more than {JSON_BYTES_MAX:,} bytes must have one object per line (JSON lines); ask for that"
        )
    try:
        whole = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LandingRefused(f"{name}: byte {error.start + 1} is not UTF-8 text; declare the feed's encoding") from None
    with out.open("w", encoding="utf-8", newline="") as target:
        for begin, end in _spans(name, whole, records):
            target.write(_BREAKS.sub(" ", whole[begin:end]) + "\n")


def _spans(name: str, whole: str, records: str | None) -> list[tuple[int, int]]:
    """Return where the records of the text begin and end."""
    at = _after_blanks(whole, 0)
    if whole.startswith("[", at) and records is None:
        found, end = _elements(name, whole, at)
        if _after_blanks(whole, end) < len(whole):
            raise LandingRefused(f"{name}: has more after its array; ask for one array, or for one object per line")
        return found
    spans: list[tuple[int, int]] = []
    while at < len(whole):
        value, end = _value(name, whole, at)
        spans.append((at, end))
        at = _after_blanks(whole, end)
    if len(spans) != 1 or not isinstance(value, dict):
        return spans
    lists = [key for key, part in value.items() if isinstance(part, list) and (not part or isinstance(part[0], dict))]
    _refuse_page(name, value, has_rows=bool(lists) or records is not None)
    if records is not None:
        found = _elements(name, whole, _place(name, whole, spans[0][0], records.split(".")))[0]
        _refuse_fewer(name, value, len(found))
        return found
    wrapped = [
        key for key in lists if len(value) == 1 or key in ("data", "items", "records", "results", "rows", "list")
    ]
    if len(wrapped) == 1:
        found = _elements(name, whole, _place(name, whole, spans[0][0], wrapped))[0]
        _refuse_fewer(name, value, len(found))
        return found
    if lists and len(value) > 1:
        raise LandingRefused(
            f"{name}: it is one JSON object with the array{'s' if len(lists) > 1 else ''} {', '.join(lists)}; declare in the feed which "
            f"one holds the rows: records: {lists[0]}"
        )
    return spans


def _words(value: dict[str, Any]) -> Iterator[dict[str, tuple[str, Any]]]:
    """Yield what the object and the objects in it state, each as key without separators -> key and value.

    Square's `cursor` and GoCardless's `cursors.after` stand for a next page, so they are stated as one.
    """
    pending: list[tuple[str, dict[str, Any]]] = [("top", value)]
    while pending:
        within, stated = pending.pop()
        words = {_SEPARATORS.sub("", key).lower(): (key, part) for key, part in stated.items()}
        pending += [(word, part) for word, (_, part) in words.items() if isinstance(part, dict)]
        for holder, word in (("top", "cursor"), ("cursors", "after")):
            if within == holder and word in words:
                words["nextcursor"] = words[word]
        if "total" in words and _PAGED & words.keys():
            words[_TOTALS[0]] = words["total"]
        yield words


def _refuse_fewer(name: str, value: dict[str, Any], rows: int) -> None:
    """Raise LandingRefused if the object says that there are more rows than its array holds."""
    for words in _words(value):
        for key, total in (words[word] for word in _TOTALS if word in words):
            if isinstance(total, str) and total.isdecimal() and int(total) > rows:
                raise LandingRefused(
                    f"{name}: it is one page of several ({key} {total}, but its array holds {rows}); fetch all pages into one file, or a "
                    "file each, as JSON lines or an array without this mark"
                )


def _refuse_page(name: str, value: dict[str, Any], *, has_rows: bool) -> None:
    """Raise LandingRefused if the object, or an object in it, says that more pages follow: rows would be missing.

    That something is not done may be said of a single record too, and means more pages only around an array of rows.
    """
    for words in _words(value):
        ends = any(word in _MORE and part in _NOTHING for word, (_, part) in words.items())
        following = _MORE if ends else _FOLLOWING
        more = [key for word, (key, part) in words.items() if word in following and part not in _NOTHING]
        more += [
            f"{key}: false" for word, (key, part) in words.items() if has_rows and word in _ENDED and part is False
        ]
        page, pages = (
            next((words[word] for word in known if word in words), ("", None)) for known in (_PAGES, _PAGE_COUNTS)
        )
        if not more and _is_before(page[1], pages[1]):
            more = [f"{page[0]} {page[1]}, {pages[0]} {pages[1]}"]
        if more:
            raise LandingRefused(
                f"{name}: it is one page of several ({more[0]}); fetch all pages into one file, or a file each, as JSON lines or an "
                "array without this mark"
            )


def _is_before(page: Any, pages: Any) -> bool:
    """Whether both are counts and the first is the smaller one."""
    return all(isinstance(one, str) and one.isdecimal() for one in (page, pages)) and max(int(page), 1) < int(pages)


def _place(name: str, whole: str, at: int, keys: list[str]) -> int:
    """Return where the array below the `keys` of the object at `at` begins."""
    for key in keys:
        at = _after_blanks(whole, at)
        if not whole.startswith("{", at):
            raise LandingRefused(f"{name}: records: there is no object with '{key}'; name the keys down to the array")
        at = _after_blanks(whole, at + 1)
        while not whole.startswith("}", at):
            found, end = _value(name, whole, at)
            at = _after_blanks(whole, _after_blanks(whole, end) + 1)  # the colon
            if found == key:
                break
            at = _after_blanks(whole, _value(name, whole, at)[1])
        else:
            raise LandingRefused(f"{name}: has no '{key}', which the feed's records names; correct it")
    if not whole.startswith("[", at):
        raise LandingRefused(f"{name}: '{keys[-1]}', which the feed's records names, is no array")
    return at


def _elements(name: str, whole: str, at: int) -> tuple[list[tuple[int, int]], int]:
    spans = []
    at = _after_blanks(whole, at + 1)
    while not whole.startswith("]", at):
        _, end = _value(name, whole, at)
        spans.append((at, end))
        at = _after_blanks(whole, end)
    return spans, at + 1


def _value(name: str, whole: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(whole, at)
    except (ValueError, RecursionError):
        line = whole.count("\n", 0, at) + 1
        raise LandingRefused(
            f"{name}: the JSON value that begins on line {line} is broken or stops in the middle: the file may have been cut off; ask "
            "for a resend"
        ) from None


def _after_blanks(whole: str, at: int) -> int:
    found = _BLANK.match(whole, at)
    assert found is not None
    return found.end()


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)
