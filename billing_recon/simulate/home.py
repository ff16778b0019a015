"""The simulated company's configuration as files for a reader: company.yaml, the catalog, the policy."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from billing_recon.core.catalog import CatalogFile, Plan, TaxRate
from billing_recon.core.company import Company, Profile
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.feed import ColumnMap, Feed
from billing_recon.core.policy import Approver, Policy, Windows
from billing_recon.simulate.documents import RenderedAs
from billing_recon.simulate.downstream import ACCOUNTS
from billing_recon.simulate.ledgers import BookedAs
from billing_recon.simulate.ledgers.journals import ACCOUNT_PATHS

MARK = "# A simulated company: every customer, event and amount here is invented."
"""First line of company.yaml, which distinguishes an earlier simulation from a real home."""

_WRITTEN = (
    "landing",
    "catalog",
    "policies",
    "templates",
    "shadow",
    "rollouts",
    "truth.csv",
    "faults.csv",
    ".state",
    "company.yaml",
)
# company.yaml is removed last and written first, so that an interrupted run still leaves a recognisable simulation.


def company_of(
    first: date,
    currencies: tuple[str, ...],
    profile: Profile,
    rendered_as: RenderedAs = RenderedAs.CSV,
    booked_as: BookedAs = BookedAs.CSV,
    last: date | None = None,
) -> Company:
    """company.yaml of the simulation, with feeds for the layers that land in a real form.

    With `last` the company has no later days; without it, later days exist and have no files.
    """
    return Company(
        name="Northwind Metrics (simulated)",
        timezone="UTC",
        currencies=currencies,
        first_day=first.isoformat(),
        last_day=last.isoformat() if last else None,
        profile=profile,
        sources={
            "usage_events": "metering",
            "subscriptions": "crm",
            "invoice_lines": "billing-engine",
            "rendered_invoices": "document-service",
            "rendered_lines": "document-service",
            "ledger_entries": "erp",
            "payments": "psp",
            "metered_usage": "billing-engine",
        },
        roles={} if booked_as is BookedAs.CSV else {account: role for role, account in ACCOUNTS.items()},
        feeds=_document_feeds(rendered_as) | _ledger_feed(booked_as),
    )


def _document_feeds(rendered_as: RenderedAs) -> dict[str, Feed]:
    """Both rendered tables are read from the day's folder of documents, whatever their forms.

    A document states the invoice's number; the document's own is the name of its file.
    """
    if rendered_as is RenderedAs.CSV:
        return {}
    document_id = ColumnMap(sql=r"regexp_extract(file, '([^/]+)\.[a-z]+$', 1)")
    feed = Feed(path="landing/documents/{day}/*", format="documents", columns={"document_id": document_id})
    return {"rendered_invoices": feed, "rendered_lines": feed}


def _ledger_feed(booked_as: BookedAs) -> dict[str, Feed]:
    """The day's file or files; columns map ids and accounts that a form writes differently."""
    if booked_as is BookedAs.CSV:
        return {}
    columns: dict[str, ColumnMap | str] = {}
    match booked_as:
        case BookedAs.SAFT_NO | BookedAs.SAFT_PT:
            form = "saft"
        case _:
            form = booked_as.value
    match booked_as:
        case BookedAs.SAFT_PT:
            columns = {name: ColumnMap(sql=f"split_part({name}, ' ', 3)") for name in ("entry_id", "journal_id")}
        case BookedAs.BEANCOUNT | BookedAs.HLEDGER:
            numbers = {path: number for number, path in ACCOUNT_PATHS.items()}
            columns = {"account": ColumnMap(column="account", map=numbers)}
        case _:
            pass
    feed = {"path": "landing/ledger_entries/{day}.*", "format": form, "columns": columns}
    return {"ledger_entries": Feed.model_validate(feed)}


def policy_of(windows: Windows) -> Policy:
    """policies/policy.yaml of the simulation: no tolerances, since its clean chain ties to the cent."""
    return Policy(
        windows=windows,
        owners={
            "default": "finance-operations",
            "RECORD_QUARANTINED": "data-platform",
            "USAGE_MISSING": "metering",
            "USAGE_DUPLICATE": "metering",
            "PRICE_VERSION": "pricing",
            "DISCOUNT_VALUE": "pricing",
            "TAX_RATE_JURISDICTION": "tax",
            "ROUNDING": "billing-engineering",
            "INVOICE_MISSING": "billing-engineering",
            "INVOICE_DUPLICATE": "billing-engineering",
            "RENDER_MISSING": "documents",
            "RENDER_DUPLICATE": "documents",
            "RENDER_VALUE": "documents",
            "LEDGER_MISSING": "accounting",
            "LEDGER_DUPLICATE": "accounting",
            "LEDGER_AMOUNT": "accounting",
            "PAYMENT_MISSING": "treasury",
            "PAYMENT_DUPLICATE": "treasury",
            "PAYMENT_AMOUNT": "treasury",
        },
        approvers=(
            Approver(name="Amara Okafor", role="finance"),
            Approver(name="Jonas Weber", role="product"),
            Approver(name="Mei Tanaka", role="engineering"),
        ),
    )


def refuse_foreign(out: Path) -> None:
    """ConfigurationError unless `out` is absent, empty or an earlier simulation: a real home is never overwritten."""
    if out.exists() and not out.is_dir():
        raise ConfigurationError(f"{out} is a file; give a folder that is empty or does not exist")
    if out.is_dir() and any(out.iterdir()):
        company = out / "company.yaml"
        if not company.is_file() or not company.read_text(encoding="utf-8", errors="replace").startswith(MARK):
            raise ConfigurationError(
                f"{out} is neither empty nor an earlier simulation; nothing was changed. Give another folder, or empty it"
            )


def clear(out: Path) -> None:
    """Empty `out`; an earlier simulation is removed with everything computed from it."""
    refuse_foreign(out)
    for name in _WRITTEN:
        path = out / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)


def write_configuration(
    out: Path,
    company: Company,
    policy: Policy,
    plans: tuple[Plan, ...],
    taxes: tuple[TaxRate, ...],
    rendered_as: RenderedAs = RenderedAs.CSV,
) -> int:
    """Write the files, each with a comment; return how many. Pages get the template that reads them."""
    catalog = [
        (
            "plans",
            "What is sold: a version is never edited, a new price is a new version. Figures are quoted text.",
            plans,
        ),
        ("taxes", "Tax per region, each rate from its day until the region's next entry. 0.19 is 19%.", taxes),
    ]
    described = {
        "name": company.name,
        "timezone": company.timezone,
        "currencies": shown(company.currencies),
        "first_day": company.first_day,
        **({"last_day": company.last_day} if company.last_day else {}),
        "profile": shown(company.profile.model_dump(exclude_none=True)),
        "sources": company.sources,
    }
    described |= shown(company.model_dump(include={"roles", "feeds"}, exclude_defaults=True))
    write_yaml(out / "company.yaml", MARK, described)
    (out / "catalog").mkdir()
    (out / "policies").mkdir()
    for name, doc, entries in catalog:
        content = {name: [shown(entry.model_dump(exclude_defaults=True)) for entry in entries]}
        CatalogFile.model_validate(content)
        write_yaml(out / "catalog" / f"{name}.yaml", f"# {doc}", content)
    note = "# How differences are judged: windows in days, who owns which reason code, who signs a month off."
    policies = shown(policy.model_dump(include={"windows", "owners", "approvers"}))
    Policy.model_validate(policies)
    write_yaml(out / "policies" / "policy.yaml", note, policies)
    if rendered_as not in (RenderedAs.HTML, RenderedAs.MIXED):
        return 4
    (out / "templates").mkdir()
    template = files("billing_recon.simulate.documents") / "templates" / "portal.yaml"
    (out / "templates" / "portal.yaml").write_bytes(template.read_bytes())
    return 5


def write_yaml(path: Path, note: str, content: dict[str, Any]) -> None:
    """Write a mapping after a comment."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    path.write_bytes(f"{note}\n{text}".encode())


def shown(value: Any) -> Any:
    """A model's content for YAML: decimals as quoted text, days and enums as text, tuples as lists."""
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value
