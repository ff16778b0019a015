"""Who may change what: where each part of a home lives, which trail its changes leave, where that trail has gaps, who owns what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from billing_recon.core.close_policy import DUE_DAYS
from billing_recon.core.figures import count, listed
from billing_recon.core.reason import STAGE_CODES
from billing_recon.core.schema import CANONICAL
from billing_recon.day.catalog_versions import pending_changes
from billing_recon.day.home import Home
from billing_recon.day.settings import code_version

CODE, CONFIGURATION, DELIVERED, DATABASE = "code", "configuration", "delivered", "control database"
ROLES = ("finance", "product", "engineering")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what decides about results. `kind`: code, configuration, delivered or control database. Empty `gap`: none."""

    what: str
    kind: str
    where: str
    trail: str
    gap: str = ""


@dataclass(frozen=True, slots=True)
class Duty:
    """One line of the handoff contract: who answers for what, and how a change of it is made. `named`: not by default."""

    about: str
    owner: str
    how: str
    named: bool = True


def parts(home: Home, as_of: date) -> list[Part]:
    """What of the home lives in code, in configuration, in deliveries and in the control database."""
    versions, catalog = home.policy_versions, home.control.catalog_history()
    newest = versions[-1]
    pending = pending_changes(home)
    unsigned = [str(v.number) for v in versions[1:] if not v.note.strip()]
    expired = [one.id for one in home.policy.expected_changes if one.days_expired(as_of) > 0]
    policy_gaps = [
        "policies/ differs from the version in force: billing-recon policy apply" if home.policy_pending else "",
        f"version {listed(unsigned)} says no reason" if unsigned else "",
        f"expired expected changes are still listed: {listed(expired)}" if expired else "",
    ]
    return [
        Part(
            "limits, tolerances, owners, approvers",
            CONFIGURATION,
            "policies/*.yaml",
            f"{count(len(versions), 'version')}; the newest by {newest.actor or 'nobody named'} at {newest.decided_at[:16]}",
            "; ".join(filter(None, policy_gaps)),
        ),
        Part(
            "plans, prices, taxes",
            CONFIGURATION,
            "catalog/*.yaml",
            f"{count(len(catalog), 'version')}" + (f"; the newest by {catalog[-1].actor}" if catalog else ""),
            f"{count(len(pending), 'change')} not recorded yet: billing-recon catalog show" if pending else "",
        ),
        *(
            [
                Part(
                    f"prices of {listed(home.company.price_lists)}",
                    DELIVERED,
                    "price_lists of company.yaml",
                    "digest in the evidence of every verdict",
                    "who changed a price is known only where the list comes from",
                )
            ]
            if home.company.price_lists
            else []
        ),
        Part(
            "time zone, rounding, feeds, account roles",
            CONFIGURATION,
            "company.yaml",
            "digest in the evidence of every verdict",
            "no version, name or reason of its own: keep the home in version control",
        ),
        Part(
            "schedules, who is paged",
            CONFIGURATION,
            "operations.yaml",
            "none; it judges nothing",
            ""
            if (home.path / "operations.yaml").is_file()
            else "there is none, so its defaults hold and nobody is paged",
        ),
        Part(
            "contracts: overrides, discounts, minimums",
            DELIVERED,
            "landing/subscriptions",
            "every landed row with file and row number; corrections learnt late are rated as versions",
        ),
        Part(
            "decisions about rows, breaks, months",
            DATABASE,
            "control database",
            "append-only and hash-chained; heads outside: billing-recon audit verify",
            ""
            if home.control.enrolled()
            else "nobody is enrolled with a one-time code: billing-recon approvers enrol NAME",
        ),
        Part(
            "charge models, reason codes, gate, match passes",
            CODE,
            "billing_recon/core, compute, day",
            f"version and digest in every verdict; now {code_version()}",
        ),
    ]


def duties(home: Home) -> list[Duty]:
    """The handoff contract, from the owners that the policy names."""
    policy, company = home.policy, home.company
    found = []
    for stage, codes in STAGE_CODES.items():
        owners: dict[str, list[str]] = {}
        for code in codes:
            owners.setdefault(policy.owner_of(code), []).append(code.value)
        for owner, theirs in owners.items():
            about = f"{stage.value}: {', '.join(theirs)}"
            named = all(code in policy.owners for code in theirs)
            found.append(
                Duty(about, owner, "correct the source, resend, run the day again; or exceptions resolve", named)
            )
    named = bool(policy.detectors.owner)
    found.append(
        Duty("findings in the data", policy.detectors.owner or policy.default_owner, "billing-recon findings", named)
    )
    for table in (spec.name for spec in CANONICAL if not spec.optional or spec.name in company.sources):
        found.append(
            Duty(
                f"deliveries of {table}",
                company.sources.get(table, ""),
                "a correct file or a resend; rows held back: billing-recon quarantine",
                table in company.sources,
            )
        )
    for task in DUE_DAYS:
        owner = policy.close.owners.get(task, policy.default_owner)
        days = policy.close.due_days.get(task, DUE_DAYS[task])
        found.append(
            Duty(
                f"close: {task.value.replace('_', ' ')}, by day {days}",
                owner,
                "billing-recon checklist --month MONTH",
                task in policy.close.owners,
            )
        )
    for one in policy.expected_changes:
        found.append(Duty(f"expected change {one.id}, until {one.expires}", one.owner, "billing-recon policy apply"))
    for role in ROLES:
        people = [approver.name for approver in policy.approvers if approver.role == role]
        found.append(
            Duty(
                f"signs months and policies for {role}",
                ", ".join(people),
                "billing-recon signoff MONTH --as NAME --code NNNNNN",
                bool(people),
            )
        )
    return found


def gaps(found: list[Part], agreed: list[Duty]) -> list[str]:
    """What is missing, a sentence each: trails with holes, and duties that nobody is named for."""
    said = [f"{one.what} ({one.where}): {one.gap}." for one in found if one.gap]
    said += [f"{one.about}: nobody is named." for one in agreed if not one.owner]
    default = [one for one in agreed if one.owner and not one.named]
    if default:
        owners = listed(dict.fromkeys(one.owner for one in default))
        said.append(
            f"{count(len(default), 'duty', 'duties')} fall to the default owner {owners}: name owners in the policy."
        )
    return said
