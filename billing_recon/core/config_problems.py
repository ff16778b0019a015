"""What is wrong with configuration or a contract, in words: the path, what is there, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from billing_recon.core.exact import Frozen

_WORDS = {
    "extra_forbidden": "is no key here",
    "missing": "is missing",
    "string_type": 'is not text; write it in quotes, such as "2026"',
}


def problems_of(
    error: ValidationError, model: type[BaseModel]
) -> Iterator[tuple[str, str, str, tuple[int | str, ...]]]:
    """Type (pydantic's), path, sentence and position of each problem of a text that was read as `model`."""
    for problem in error.errors():
        kind, at = problem["type"], tuple(part for part in problem["loc"] if part != "[key]")
        says = _WORDS.get(kind, problem["msg"].removeprefix("Value error, "))
        if kind in ("extra_forbidden", "missing"):
            says += _keys(model, at, missing=kind == "missing")
        yield kind, path_of(at), says, at


def path_of(loc: tuple[int | str, ...]) -> str:
    """A position in a file: plans[0].charges[2].amount.

    >>> path_of(("plans", 0, "charges", 2, "amount"))
    'plans[0].charges[2].amount'
    """
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "file"


def _keys(model: type[BaseModel], at: tuple[int | str, ...], *, missing: bool) -> str:
    """The end of the sentence: the known key that is nearest to a wrong one, or what a missing one is."""
    owner, key = _model_at(model, at[:-1]), str(at[-1])
    if owner is None:
        return ""
    known = {info.alias or name: info for name, info in owner.model_fields.items()}
    if missing:
        meaning = known[key].description if key in known else None
        return f"; add it: {meaning}" if meaning else "; add it"
    if key in owner.ELSEWHERE:
        return f"; {owner.ELSEWHERE[key]}"
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; the keys are {', '.join(known)}"


def _model_at(model: type[BaseModel], at: tuple[int | str, ...]) -> type[Frozen] | None:
    """The model that a position in a text is read as; None if a position does not decide it."""
    found: Any = model
    for part in at:
        if isinstance(part, int):
            found = _inner(found, (tuple, list))
        elif isinstance(found, type) and issubclass(found, BaseModel):
            field = found.model_fields.get(part)
            found = field.annotation if field else None
        else:
            found = _inner(found, (dict,))
        found = _plain(found)
    return found if isinstance(found, type) and issubclass(found, Frozen) else None


def _inner(annotation: Any, containers: tuple[type, ...]) -> Any:
    inside = [one for one in get_args(annotation) if one is not Ellipsis]
    return inside[-1] if get_origin(annotation) in containers and inside else None


def _plain(annotation: Any) -> Any:
    """The annotation without None and metadata."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        inside = [one for one in get_args(annotation) if one is not type(None)]
        return _plain(inside[0]) if len(inside) == 1 else None
    return annotation
