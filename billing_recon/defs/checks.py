"""The asset checks: their names and the wording of their results. The figures come from defs.findings and day/.

A blocking check that fails stops the run. A check has the partitions of its asset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg

from billing_recon.core.detector import Detector
from billing_recon.core.figures import count
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.pair_layers import layers_of
from billing_recon.core.policy import Policy
from billing_recon.core.printed_command import capture_command
from billing_recon.core.reason import Pair
from billing_recon.core.schema import CANONICAL
from billing_recon.core.verdict import Verdict
from billing_recon.defs import findings
from billing_recon.defs.findings import Cells, TieOut
from billing_recon.report import day_tables, stored_rows
from billing_recon.report.stored_rows import Row

if TYPE_CHECKING:
    from billing_recon.control import VerdictRecord
    from billing_recon.day import Home

LAYERS: tuple[str, ...] = tuple(spec.name for spec in CANONICAL)
GATE_CHECK = "gate"

_PAIR_DOCS: dict[Pair, str] = {
    Pair.EXPECTED_BILLED: "Our own rating compared with what the billing engine charged.",
    Pair.BILLED_RENDERED: "What the engine charged compared with the document that the customer sees.",
    Pair.BILLED_BOOKED: "What the engine charged compared with what the ledger booked.",
    Pair.RENDERED_BOOKED: "Documents compared with the ledger, for invoices missing from the engine's output.",
    Pair.BILLED_PAID: "What the engine charged compared with the payments received.",
    Pair.PAID_BOOKED: "Payments, refunds, chargebacks and their fees compared with what the ledger booked of them.",
    Pair.METERED_USED: "Usage events compared with usage as metered by the engine.",
}


def landing_specs(daily: dg.PartitionsDefinition[str]) -> list[dg.AssetCheckSpec]:
    """Two checks per landed table."""
    return [
        spec
        for table in LAYERS
        for spec in (
            dg.AssetCheckSpec(
                "rows_accounted_for",
                asset=table,
                blocking=True,
                partitions_def=daily,
                description="Rows in = accepted (released ones too) + quarantined (open or discarded) + duplicates collapsed.",
            ),
            dg.AssetCheckSpec(
                "contract",
                asset=table,
                blocking=True,
                partitions_def=daily,
                description="No row breaks the table's contract. A warning, unless the share of such rows stops the day.",
            ),
        )
    ]


def reconcile_specs(daily: dg.PartitionsDefinition[str]) -> list[dg.AssetCheckSpec]:
    """The checks of breaks, control totals and metrics."""
    return [
        *(
            dg.AssetCheckSpec(f"ties_out_{pair.value}", asset="breaks", partitions_def=daily, description=doc)
            for pair, doc in _PAIR_DOCS.items()
        ),
        dg.AssetCheckSpec(
            "stage_deltas_sum",
            asset="breaks",
            blocking=True,
            partitions_def=daily,
            description="Each break's stage deltas sum exactly to its difference.",
        ),
        dg.AssetCheckSpec(
            "no_unexplained",
            asset="breaks",
            partitions_def=daily,
            description="Every difference has a reason code other than UNEXPLAINED.",
        ),
        dg.AssetCheckSpec(
            "detectors",
            asset="breaks",
            partitions_def=daily,
            description="Findings in the data itself: odd invoices, tax, discounts, payments, charges, numbering.",
        ),
        dg.AssetCheckSpec(
            "totals_foot",
            asset="control_totals",
            blocking=True,
            partitions_def=daily,
            description="The layers of each pair differ by exactly the net of their breaks.",
        ),
        dg.AssetCheckSpec(
            "variance_vs_baseline",
            asset="metrics",
            partitions_def=daily,
            description="The day's metrics compared with the policy's baseline and with the band of comparable days.",
        ),
    ]


def gate_spec(daily: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """The day's gate."""
    return dg.AssetCheckSpec(
        GATE_CHECK,
        asset="day_gate",
        blocking=True,
        partitions_def=daily,
        description="The policy's verdict on the day. Only a current PASS opens the release, in any run.",
    )


def landing_results(report: LandingReport, policy: Policy) -> Iterator[dg.AssetCheckResult]:
    """Both checks of one landed table."""
    yield dg.AssetCheckResult(
        asset_key=report.table,
        check_name="rows_accounted_for",
        passed=report.equation_holds,
        description=str(report),
    )
    share = Decimal(report.open_rows) / Decimal(report.rows_in) if report.rows_in else Decimal(0)
    # A part of the day that does not read the table is computed and judged all the same.
    apart = any(report.table not in layers_of(part.pairs) for part in policy.gate.parts)
    too_many = share > policy.gate.quarantine_share_stops
    stops = too_many and not apart
    refused = report.status is LandingStatus.REFUSED
    if refused:
        text = report.message
    elif report.open_rows:
        text = f"{report.open_rows} of {report.rows_in} rows are in quarantine. " + (
            "Too many to continue: ask the source for a resend."
            if too_many
            else "billing-recon quarantine list shows them."
        )
    else:
        text = report.message or "Every row satisfies the contract."
    yield dg.AssetCheckResult(
        asset_key=report.table,
        check_name="contract",
        passed=not report.open_rows and not refused,
        # A refused file does not stop the run: the gate is INCONCLUSIVE, and the day pack shows why.
        severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
        description=text,
        metadata=_table("reasons", [{"reason": r, "rows": str(n)} for r, n in sorted(report.reasons.items())]),
    )


def reconcile_results(home: Home, day: date) -> Iterator[dg.AssetCheckResult]:
    """Every check of the reconcile step."""
    for tie_out in findings.tie_outs(home, day):
        yield _tie_out_result(tie_out)
    off = findings.stage_deltas_off(home, day)
    yield dg.AssetCheckResult(
        asset_key="breaks",
        check_name="stage_deltas_sum",
        passed=not off,
        description="This is a bug in billing-recon; please report it."
        if off
        else "Every break's stage deltas sum exactly to its difference.",
        metadata=_table("breaks", off),
    )
    unexplained = findings.unexplained(home, day)
    yield dg.AssetCheckResult(
        asset_key="breaks",
        check_name="no_unexplained",
        passed=not unexplained,
        description="Some differences are not explained by any stage."
        if unexplained
        else "Every difference is explained.",
        metadata=_table("breaks", unexplained),
    )
    yield _detectors_result(home, day)
    off = findings.totals_off(home, day)
    yield dg.AssetCheckResult(
        asset_key="control_totals",
        check_name="totals_foot",
        passed=not off,
        description="Totals and breaks disagree." if off else "Totals and breaks agree in every currency.",
        metadata=_table("totals", off),
    )
    yield _variance_result(home, day)


def _tie_out_result(tie_out: TieOut) -> dg.AssetCheckResult:
    pending = f" {tie_out.pending} not yet due." if tie_out.pending else ""
    if not tie_out.compared and not tie_out.open:
        says = f"Nothing was compared on this day, which proves nothing; the gate decides.{pending}"
    elif tie_out.open:
        says = f"{count(tie_out.open, 'open break')}: {tie_out.sums}.{pending}"
    else:
        within = f" {tie_out.tolerated} within tolerance." if tie_out.tolerated else ""
        says = f"Ties out.{within}{pending}"
    return dg.AssetCheckResult(
        asset_key="breaks",
        check_name=f"ties_out_{tie_out.pair.value}",
        passed=not tie_out.open,
        severity=dg.AssetCheckSeverity.ERROR,
        description=says,
        # Whole numbers are plotted over the days; amounts are exact texts in the table.
        metadata={
            "compared": tie_out.compared,
            "open breaks": tie_out.open,
            "not yet due": tie_out.pending,
            **_table("breaks", tie_out.cells),
        },
    )


def _detectors_result(home: Home, day: date) -> dg.AssetCheckResult:
    found = stored_rows.detections(home, day)
    policy = home.policy_on(day).policy.detectors
    blocks = any(policy.severity(Detector(row["detector"])) == "block" for row in found)
    return dg.AssetCheckResult(
        asset_key="breaks",
        check_name="detectors",
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        description=f"{count(len(found), 'finding')}." if found else "No findings.",
        metadata={
            "findings": len(found),
            **_table(
                "found",
                [
                    {"detector": r["detector"], "what": f"{r['finding']} {r['next_step']} For {r['owner']}."}
                    for r in found[: findings.SHOWN]
                ],
            ),
        },
    )


def _variance_result(home: Home, day: date) -> dg.AssetCheckResult:
    gate = home.policy_on(day).policy.gate
    name = gate.baseline
    bounds = {t.metric: t.max_drift for t in gate.thresholds if t.max_drift is not None}
    cells: Cells = []
    known = stored_rows.drift(home, day)
    beyond = [row for row in known if day_tables.outside(row)]
    if name is None:
        passed, says = True, "The policy names no baseline."
    elif home.control.baseline(name) is None:
        passed = False
        says = f"The baseline '{name}' was never captured; capture it: {capture_command(name)}"
    else:
        rows = [r for r in known if not bounds or r["metric"] in bounds]
        outside = [
            r
            for r in rows
            if r["drift"] is not None and r["metric"] in bounds and abs(r["drift"]) > bounds[r["metric"]]
        ]
        passed = not outside
        says = (
            f"{len(outside)} of {len(rows)} metrics drift beyond the policy's bounds."
            if outside
            else f"Within the policy's bounds of baseline '{name}'."
        )
        cells = [
            {
                "metric": r["metric"],
                "currency": r["currency"] or "",
                "cohort": r["cohort"],
                "value": findings.money(r["value"], r["currency"]) or "NO DATA",
                "baseline mean": findings.money(r["baseline_mean"], None) or "NO DATA",
                "drift": findings.money(r["drift"], None) or "NO DATA",
                "allowed": findings.money(bounds.get(r["metric"]), None),
            }
            for r in rows
        ]
    if beyond:
        says += f" {count(len(beyond), 'metric')} outside the band of comparable days."
    return dg.AssetCheckResult(
        asset_key="metrics",
        check_name="variance_vs_baseline",
        passed=passed and not beyond,
        severity=dg.AssetCheckSeverity.WARN,
        description=says,
        metadata={**_table("variance", cells), **_table("outside", [_band_cells(row) for row in beyond])},
    )


def _band_cells(row: Row) -> dict[str, str]:
    currency = row["currency"]
    return {
        "metric": row["metric"],
        "currency": currency or "",
        "value": findings.money(row["value"], currency),
        "expected": f"{findings.money(row['band_low'], currency)} to {findings.money(row['band_high'], currency)}",
        "from": f"{row['band_days']} days; {row['band_method']}",
    }


def gate_result(record: VerdictRecord) -> dg.AssetCheckResult:
    """The verdict as a check: failed unless PASS."""
    held_back = [c.sentence for c in record.held_back_by]
    return dg.AssetCheckResult(
        asset_key="day_gate",
        check_name=GATE_CHECK,
        passed=record.verdict is Verdict.PASS,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{record.verdict}: " + (" ".join(held_back) if held_back else "every condition holds."),
        metadata={
            "verdict": record.verdict.value,
            "evidence": record.evidence_hash,
            "policy version": dg.MetadataValue.int(record.policy_version),
            **_table(
                "conditions",
                [
                    {
                        "condition": c.name,
                        "verdict": c.verdict.value if c.blocking else f"{c.verdict.value} (warning only)",
                        "why": c.sentence,
                        "observed": c.observed,
                        "bound": c.bound,
                    }
                    for c in record.conditions
                ],
            ),
        },
    )


def _table(name: str, cells: Cells) -> dict[str, dg.MetadataValue]:
    """Metadata with a table; none without rows, since the description covers that."""
    return {name: table(cells)} if cells else {}


def table(cells: Cells, columns: Sequence[str] | None = None) -> dg.TableMetadataValue:
    """A table of text cells, shown in the UI in the order of the columns."""
    names = list(columns or cells[0])
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(row)) for row in cells],
        schema=dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in names]),
    )
