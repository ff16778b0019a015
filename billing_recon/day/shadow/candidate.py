"""Read shadow/NAME of a home: the candidate, the terms that it means, and the digest that is its version."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from billing_recon.core.candidate import Candidate
from billing_recon.core.catalog import Catalog
from billing_recon.core.catalog_file import load_catalog
from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.feed import Feed
from billing_recon.core.feed_path import path_on
from billing_recon.core.yaml_text import read_yaml
from billing_recon.day.configuration import read_text
from billing_recon.day.shadow.snapshot import Snapshot

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Terms:
    """Terms to rate by."""

    catalog: Catalog
    company: Company


@dataclass(frozen=True)
class Opened:
    """A candidate as it is in its folder now. `version`: the digest of candidate.yaml, the files it names, and constructed/."""

    name: str
    path: Path
    candidate: Candidate
    version: str
    catalog: Catalog | None

    def terms(self, snapshot: Snapshot) -> Terms:
        """The new terms: those of the snapshot with the candidate's catalog and profile settings."""
        given = self.candidate.terms
        company = snapshot.company
        if given is not None and given.profile:
            profile = {**company.profile.model_dump(exclude_unset=True), **given.profile}
            company = _company(company, profile, self.path / "candidate.yaml")
        return Terms(_merged(snapshot.catalog, self.catalog), company)

    def both_catalogs(self, snapshot: Snapshot) -> Catalog:
        """The frozen catalog with what the candidate adds to it; a plan in both is the frozen one."""
        return _merged(self.catalog, snapshot.catalog) if self.catalog else snapshot.catalog


def open_candidate(home: Path, name: str) -> Opened:
    """Read a candidate. ConfigurationError lists every problem with file, field and cure."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"'{name}' is not a candidate's name; use letters, digits, - and _")
    path = home / "shadow" / name
    file = path / "candidate.yaml"
    if not file.is_file():
        there = sorted(p.parent.name for p in (home / "shadow").glob("*/candidate.yaml"))
        known = f"there are {', '.join(there)}" if there else "describe one: see docs/shadow.md"
        raise ConfigurationError(f"{file} does not exist; {known}")
    text = read_text(file)
    candidate = read_yaml(Candidate, text, f"shadow/{name}/candidate.yaml")
    digest = hashlib.sha256(text.encode())
    catalog = None
    if candidate.terms is not None and candidate.terms.catalog:
        files = sorted(path.glob(candidate.terms.catalog))
        if not files:
            raise ConfigurationError(f"shadow/{name}/{candidate.terms.catalog} (terms.catalog) names no file")
        texts = [(f"shadow/{name}/{f.relative_to(path)}", read_text(f)) for f in files]
        for shown, content in texts:
            digest.update(f"\n# {shown}\n{content}".encode())
        catalog = load_catalog(texts)
    if candidate.terms is not None and candidate.terms.price_lists:
        lists = _price_lists(home, path, candidate.terms.price_lists, digest)
        catalog = _merged(catalog, lists) if catalog else lists
    for file in sorted(file for file in (path / "constructed").rglob("*") if file.is_file()):
        digest.update(f"\n# {file.relative_to(path)}\n{hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    if candidate.engine is None and any((path / "landing" / "invoice_lines").glob("*.*")):
        raise ConfigurationError(
            f"shadow/{name}/landing/invoice_lines holds bills that candidate.yaml does not mention; write `engine: {{}}` to "
            "compare them, or move them away"
        )
    return Opened(name, path, candidate, digest.hexdigest(), catalog)


def _price_lists(home: Path, path: Path, lists: Mapping[str, Feed], digest: hashlib._Hash) -> Catalog:
    """The plans of the candidate's price lists; `digest` takes in their files."""
    from billing_recon.compute.engine import scratch
    from billing_recon.day.configuration import read_company
    from billing_recon.feeds.price_list import read_price_lists

    company = read_company(home)[0].model_copy(update={"price_lists": dict(lists)})
    with scratch() as con:
        plans = read_price_lists(con, path, company)
    for file in sorted({file for feed in lists.values() for file in path.glob(feed.path or "")}):
        digest.update(f"\n# {file.relative_to(path)}\n{hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    return Catalog(plans=plans, taxes=(), digest=hashlib.sha256(repr(plans).encode()).hexdigest())


def _merged(base: Catalog, over: Catalog | None) -> Catalog:
    """`base` with the plans and rates of `over`, which replace those of the same key."""
    if over is None:
        return base
    plans = {(p.plan_id, p.plan_version, p.currency): p for p in (*base.plans, *over.plans)}
    taxes = {(t.tax_region, t.effective_from): t for t in (*base.taxes, *over.taxes)}
    digest = hashlib.sha256(f"{base.digest}\n{over.digest}".encode()).hexdigest()
    return Catalog(plans=tuple(plans.values()), taxes=tuple(taxes.values()), digest=digest)


def _company(company: Company, profile: dict[str, object], file: Path) -> Company:
    from pydantic import ValidationError

    from billing_recon.core.config_problems import problems_of

    try:
        return Company.model_validate({**company.model_dump(exclude_unset=True), "profile": profile})
    except ValidationError as error:
        raise ConfigurationError(
            [f"{file}: terms.{path}: {says}" for _, path, says, _ in problems_of(error, Company)]
        ) from error


def engine_files_digest(opened: Opened, days: Iterable[date]) -> str:
    """The digest of the files that the engine's feed reads for these days; empty for a database or an object store, which
    cannot be asked."""
    engine = opened.candidate.engine
    if engine is None or engine.feed.is_database or engine.feed.is_remote:
        return ""
    digest = hashlib.sha256()
    feeds = [feed for feed in (engine.feed, *engine.feed.also) if not (feed.is_database or feed.is_remote)]
    for file in sorted({file for day in days for feed in feeds for file in _files(opened.path, feed, day)}):
        digest.update(f"{file.relative_to(opened.path)}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(path: Path, feed: Feed, day: date) -> Iterable[Path]:
    pattern = path_on(feed.path, day) if feed.path else f"landing/invoice_lines/{day}.*"
    return (file for file in path.glob(pattern) if file.is_file())
