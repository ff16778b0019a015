"""Reading company.yaml and policies/*.yaml. All problems are reported at once, each with file, field and what is wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.policy import Policy

Model = TypeVar("Model", bound=BaseModel)


def read_company(home: Path) -> tuple[Company, str]:
    """The company and the digest of its file."""
    path = home / "company.yaml"
    if not path.is_file():
        raise ConfigurationError(
            f"{path} does not exist; start a home with: billing-recon init {home}  "
            f"(or a simulated one: billing-recon simulate --out {home})"
        )
    text = path.read_text(encoding="utf-8")
    return validated(Company, parse_yaml(text, path.name), path.name), hashlib.sha256(text.encode()).hexdigest()


def policy_text(home: Path) -> str:
    """The texts of policies/*.yaml in the order of their names, as one document to be versioned."""
    files = sorted((home / "policies").glob("*.yaml"))
    return "\n".join(f"# {path.name}\n{path.read_text(encoding='utf-8').strip()}\n" for path in files)


def parse_policy(text: str, name: str = "policies") -> Policy:
    """A policy from its text; top-level keys must not repeat, since the later one would silently win."""
    return validated(Policy, parse_yaml(text, name), name)


def parse_yaml(text: str, name: str) -> dict[str, Any]:
    """A YAML mapping, refusing repeated keys."""
    try:
        content = yaml.load(text, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name} is not valid YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"{name} must be a mapping of fields, it is a {type(content).__name__}")
    return content


def validated(model: type[Model], content: dict[str, Any], name: str) -> Model:
    """`content` held to `model`, or one ConfigurationError with every problem."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(
            [
                f"{name}: {'.'.join(str(part) for part in problem['loc']) or 'file'}: {problem['msg']}"
                for problem in error.errors()
            ]
        ) from error


class _UniqueKeys(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice in one mapping."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        raise yaml.constructor.ConstructorError(
            None, None, f"{', '.join(twice)} given twice in one mapping", node.start_mark
        )
    return dict(zip(keys, (loader.construct_object(value, deep=True) for _, value in node.value), strict=True))


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
