"""Read company.yaml and policies/*.yaml of a home. How text is validated is in core.yaml_text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.policy import Policy
from billing_recon.core.printed_command import init_command, simulate_command
from billing_recon.core.yaml_text import MAX_CHARACTERS, line_of, read_yaml

_FILE = re.compile(r"# (\S+\.yaml)")
"""The line above each file's part of a policy's text."""


def read_company(home: Path) -> tuple[Company, str]:
    """The company, and the digest of what configures its feeds: company.yaml and templates/."""
    path = home / "company.yaml"
    if not path.is_file():
        raise ConfigurationError(
            f"{path} does not exist; start a home with: {init_command(home)}  "
            f"(or a simulated one: {simulate_command(home)})"
        )
    text = read_text(path)
    digest = hashlib.sha256(text.encode())
    for template in sorted((home / "templates").glob("*.yaml")):
        digest.update(f"\n# {template.name}\n".encode() + template.read_bytes())
    return read_yaml(Company, text, path.name), digest.hexdigest()


def policy_text(home: Path) -> str:
    """The texts of policies/*.yaml in the order of their names, as one document with one version."""
    return "\n".join(
        f"# {path.name}\n{read_text(path).rstrip()}\n" for path in sorted((home / "policies").glob("*.yaml"))
    )


def parse_policy(text: str, name: str = "policies") -> Policy:
    """Parse a policy. Top-level keys must not repeat, since the later one would silently win."""
    return read_yaml(Policy, text, name, _places(text, name))


def line_in_policy(text: str, name: str, loc: tuple[int | str, ...]) -> str:
    """Where in a policy's text a field is: policies/policy.yaml:12."""
    line = line_of(text, loc)
    return _places(text, name)(line) if line else name


def _places(text: str, name: str) -> Callable[[int], str]:
    """What a line of a policy's text is, in its file."""
    begins = [(n, found[1]) for n, line in enumerate(text.splitlines(), 1) if (found := _FILE.fullmatch(line))]

    def place(line: int) -> str:
        first, file = max((one for one in begins if one[0] < line), default=(0, ""))
        return f"{name}/{file}:{line - first}" if file else f"{name}:{line}"

    return place


@lru_cache(maxsize=64)
def stored_policy(text: str, number: int) -> Policy:
    """A version of the policy as it was applied."""
    return parse_policy(text, f"policy version {number}")


def read_text(path: Path) -> str:
    """A file of the configuration. ConfigurationError if it is not text, or larger than any that is meant."""
    try:
        if path.stat().st_size > MAX_CHARACTERS:
            raise ConfigurationError(f"{path} has {path.stat().st_size} bytes; at most {MAX_CHARACTERS} are read")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
