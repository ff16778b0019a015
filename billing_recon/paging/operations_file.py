"""operations.yaml of a home, and the channel of a company that names none. Loads nothing that is heavy."""

from __future__ import annotations

import os
from pathlib import Path

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.operations import Channel, Operations
from billing_recon.core.yaml_text import MAX_CHARACTERS, read_yaml


def read_operations(home: Path) -> Operations:
    """When days run and who is paged: operations.yaml, or the defaults without one."""
    path = home / "operations.yaml"
    if not path.is_file():
        return Operations()
    try:
        text = path.read_bytes()[: MAX_CHARACTERS + 1].decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    return read_yaml(Operations, text, path.name)


def channels_of(operations: Operations, webhook_env: str) -> Operations:
    """The same operations; without channels, with a webhook if the policy's variable for its URL is set."""
    if operations.paging.channels or not os.environ.get(webhook_env):
        return operations
    channel = Channel(name="webhook", kind="webhook", env=webhook_env)
    return operations.model_copy(update={"paging": operations.paging.model_copy(update={"channels": (channel,)})})
