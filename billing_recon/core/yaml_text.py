"""Validate YAML text against a model and report every problem at once. No files are opened here."""

from __future__ import annotations

from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from billing_recon.core.config_problems import problems_of
from billing_recon.core.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(model: type[Model], text: str, name: str) -> Model:
    """Parse `text` as `model`; one ConfigurationError lists every problem as `name: field: what is wrong`."""
    try:
        content = yaml.load(text, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    if content is not None and not isinstance(content, dict):
        raise ConfigurationError(f"{name}: must be a mapping of fields, not a {type(content).__name__}")
    try:
        return model.model_validate(content or {})
    except ValidationError as error:
        raise ConfigurationError([f"{name}: {path}: {says}" for _, path, says in problems_of(error, model)]) from error


class _UniqueKeys(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice in one mapping; plain YAML would use the later one."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        raise yaml.constructor.ConstructorError(
            None, None, f"{', '.join(twice)} given twice in one mapping", node.start_mark
        )
    return dict(zip(keys, (loader.construct_object(value, deep=True) for _, value in node.value), strict=True))


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
