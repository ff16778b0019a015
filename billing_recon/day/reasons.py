"""What people write about a decision, in one spelling, or a configuration error that says what to write instead."""

from __future__ import annotations

from billing_recon.core import written_reason as written
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.person import person_name


def reason(text: str, what: str, option: str = "--reason") -> str:
    """Why something was decided. ConfigurationError if it says nothing, is too long or has control characters."""
    try:
        return written.written_reason(text, what)
    except ValueError as error:
        raise ConfigurationError(str(error).replace("--reason", option)) from None


def remark(text: str, what: str) -> str:
    """A text that may be left out. ConfigurationError if it is too long or has control characters."""
    try:
        return written.remark(text, what)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def somebody(name: str) -> str:
    """A name in one spelling. ConfigurationError if it is none, or only serves to look like another."""
    try:
        return person_name(name)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
