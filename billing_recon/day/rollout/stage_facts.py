"""The facts of a stage as of a day, read from a session in which its relations are built."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import duckdb

from billing_recon.compute.engine import build
from billing_recon.compute.rollout import STAGE
from billing_recon.core.rollout import Boundary
from billing_recon.core.stage_gate import Arm, Crossing, Figure, Phase, StageFacts


def stage_facts(con: duckdb.DuckDBPyConnection, unknown_days: Mapping[date, str]) -> StageFacts:
    """Build the relations of the stage over the registered tables and read what the gate judges."""
    build(con, STAGE)
    ((day, since),) = con.execute("SELECT day, since FROM stage_params").fetchall()
    figures = [
        Figure(metric, currency, Arm(arm), Phase(phase), on, numerator, denominator, population)
        for metric, currency, arm, phase, on, numerator, denominator, population in con.execute(
            "SELECT metric, currency, arm, phase, day, numerator, denominator, population FROM stage_figures "
            "WHERE phase IS NOT NULL ORDER BY ALL"
        ).fetchall()
    ]
    crossings = [
        Crossing(Boundary(boundary), events, first_day, due_on)
        for boundary, events, first_day, due_on in con.execute(
            "SELECT boundary, events, first_day, due_on FROM stage_boundaries ORDER BY boundary"
        ).fetchall()
    ]
    ((invoices, unattributed, unlabelled),) = con.execute(
        "SELECT CASE WHEN of_payments THEN (SELECT count(DISTINCT invoice_id) FROM stage_payments WHERE kind = 'payment' "
        "AND arm = 'cohort' AND phase = 'stage') ELSE (SELECT count(DISTINCT invoice_id) FROM stage_invoices "
        "WHERE arm = 'cohort' AND phase = 'stage') END, "
        "(SELECT count(*) FROM stage_breaks WHERE arm = 'unknown' AND phase = 'stage' AND NOT tolerated), "
        "(SELECT count(DISTINCT invoice_id) FROM stage_invoices WHERE unlabelled AND phase = 'stage') FROM stage_params"
    ).fetchall()
    ((fresh, settle_days),) = con.execute(
        "SELECT (SELECT count(DISTINCT bill.invoice_id) FROM stage_invoices AS bill WHERE bill.arm = 'cohort' "
        "AND bill.phase = 'stage' AND bill.issued_on + settle_days > day AND NOT of_payments), settle_days FROM stage_params"
    ).fetchall()
    nobodys = con.execute(
        "SELECT kind, count(*) FROM stage_signals WHERE nobody AND NOT good AND phase = 'stage' GROUP BY kind"
    ).fetchall()
    return StageFacts(
        *(day, since, figures, crossings, invoices, unknown_days, unattributed, unlabelled, fresh, settle_days),
        nobodys_failures=dict(nobodys),
    )
