"""Read company.yaml and policies/*.yaml of a home. How text is validated is in core.yaml_text."""

from __future__ import annotations

import hashlib
from pathlib import Path

from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.policy import Policy
from billing_recon.core.yaml_text import read_yaml


def read_company(home: Path) -> tuple[Company, str]:
    """The company, and the digest of what configures its feeds: company.yaml and templates/."""
    path = home / "company.yaml"
    if not path.is_file():
        raise ConfigurationError(
            f"{path} does not exist; start a home with: billing-recon init {home}  "
            f"(or a simulated one: billing-recon simulate --out {home})"
        )
    text = path.read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode())
    for template in sorted((home / "templates").glob("*.yaml")):
        digest.update(f"\n# {template.name}\n".encode() + template.read_bytes())
    return read_yaml(Company, text, path.name), digest.hexdigest()


def policy_text(home: Path) -> str:
    """The texts of policies/*.yaml in the order of their names, as one document with one version."""
    files = sorted((home / "policies").glob("*.yaml"))
    return "\n".join(f"# {path.name}\n{path.read_text(encoding='utf-8').strip()}\n" for path in files)


def parse_policy(text: str, name: str = "policies") -> Policy:
    """Parse a policy. Top-level keys must not repeat, since the later one would silently win."""
    return read_yaml(Policy, text, name)
