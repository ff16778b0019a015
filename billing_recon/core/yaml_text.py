"""Validate YAML text against a model and report every problem at once, each with its line. No files are opened here."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import islice
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from billing_recon.core.config_problems import problems_of
from billing_recon.core.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 100_000
"""Values of a text, with everything that an alias repeats counted each time: some lines of aliases can stand for billions."""
MAX_DEPTH, MAX_PROBLEMS = 50, 100


def read_yaml(model: type[Model], text: str, name: str, place: Callable[[int], str] | None = None) -> Model:
    """Parse `text` as `model`; one ConfigurationError lists every problem as `name:line: field: what is wrong`.

    `place` says where a line of the text is, if the text is made of several files.
    """
    at = place or (lambda line: f"{name}:{line}")
    if len(text) > MAX_CHARACTERS:
        raise ConfigurationError(f"{name}: has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    try:
        root, content = _load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = at(mark.line + 1) if mark else name
        raise ConfigurationError(f"{where}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise ConfigurationError(f"{name}: not valid YAML: {said}") from error
    if content is not None and not isinstance(content, dict):
        raise ConfigurationError(f"{name}: must be a mapping of fields, not a {type(content).__name__}")
    try:
        return model.model_validate(content or {})
    except ValidationError as error:
        found = [
            f"{at(line) if (line := _line_of(root, loc)) else name}: {path}: {says}"
            for _, path, says, loc in islice(problems_of(error, model), MAX_PROBLEMS)
        ]
        more = error.error_count() - len(found)
        raise ConfigurationError([*found, *([f"{name}: and {more} more problems"] if more else [])]) from error


def line_of(text: str, loc: tuple[int | str, ...]) -> int:
    """The line of a position in a text that was read; 0 if it is about the whole text."""
    return _line_of(_load(text)[0], loc)


def values_of(text: str) -> Any:
    """The values of a text, as far as it is YAML; None if it is not. For reporting on a text that was refused."""
    try:
        return _load(text)[1]
    except (yaml.YAMLError, RecursionError):
        return None


def _load(text: str) -> tuple[yaml.Node | None, Any]:
    """The text as nodes, which know their lines, and as values."""
    _shallow(text)
    loader = _UniqueKeys(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None, None
        _bounded(root)
        return root, loader.construct_document(root)
    finally:
        loader.dispose()


def _shallow(text: str) -> None:
    """Refuse a text that nests too deeply, before anything recurses into it."""
    depth = 0
    for event in yaml.parse(text, Loader=_UniqueKeys):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _Refused(f"nested more than {MAX_DEPTH} deep", event.start_mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _bounded(root: yaml.Node) -> None:
    """Refuse a text whose aliases repeat too much, or that contains itself."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1
        known = sizes.get(id(node))
        if known is None:
            sizes[id(node)] = MAX_VALUES + 1  # of one that contains itself
            inside = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
            known = sizes[id(node)] = 1 + sum(map(size, inside))
        if known > MAX_VALUES:
            raise _Refused(f"more than {MAX_VALUES} values, aliases counted each time", node.start_mark)
        return known

    size(root)


def _line_of(root: yaml.Node | None, loc: tuple[int | str, ...]) -> int:
    """The line of what a problem is about, or of the nearest thing around it; 0 if it is about the whole text."""
    node, line = root, 0
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


class _Refused(yaml.MarkedYAMLError):
    """YAML that is not read here, and where."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(None, None, problem, mark)


class _UniqueKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """SafeLoader that refuses a key given twice in one mapping (plain YAML would use the later one), and odd keys and values."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value; what Python cannot hold (30 February, a number of 5,000 digits) is an error at its line."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError) as error:
            if isinstance(error, UnicodeError) or not isinstance(node, yaml.ScalarNode):
                raise
            said = f"'{node.value[:40]}' is no value: {str(error).split(';')[0]}"
            raise _Refused(said, node.start_mark) from error


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for key, (written, _) in zip(keys, node.value, strict=True):
        if not isinstance(written, yaml.ScalarNode) or not isinstance(key, Hashable):
            raise _Refused("a key has to be a word", written.start_mark)
    seen: set[Any] = set()
    twice = []
    for key in keys:
        twice += [str(key)] if key in seen else []
        seen.add(key)
    if twice:
        raise _Refused(f"{', '.join(twice)} given twice in one mapping", node.start_mark)
    return dict(zip(keys, (loader.construct_object(value, deep=True) for _, value in node.value), strict=True))


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
