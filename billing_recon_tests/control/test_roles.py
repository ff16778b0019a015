"""On PostgreSQL the program works as a role that owns nothing, and cannot undo what keeps decisions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from billing_recon.control import ControlStore
from billing_recon.control.migrate import VERSION_TABLE
from billing_recon.control.roles import grants
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.signoff import Role
from billing_recon.core.verdict import Verdict
from billing_recon_tests.control.test_audit import DAY
from billing_recon_tests.control.test_store import verdict


def test_a_role_that_owns_no_table_decides_and_can_neither_change_a_decision_nor_drop_what_keeps_it(
    new_database: Callable[[], str],
) -> None:
    owners = new_database()
    ControlStore.open(owners).close()
    owner = create_engine(owners, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("CREATE ROLE recon_app LOGIN PASSWORD 'x'"))
        for statement in grants("recon_app"):
            connection.execute(text(statement))
    apps = make_url(owners).set(username="recon_app", password="x").render_as_string(hide_password=False)

    control = ControlStore.open(apps)
    control.apply_policy("a: 1", "ana", "")
    control.record_landing(LandingReport("payments", DAY, LandingStatus.EMPTY), "run-1")
    control.begin_write("breaks", DAY, "run-1")
    control.end_write("breaks", DAY, 0, "d", "run-1", "m", "")
    control.record_verdict(verdict(Verdict.PASS))
    control.capture_baseline("b", DAY, DAY, [], "ana")
    control.sign_off("2026-03", "Ana", Role.FINANCE, "e1")
    control.close_month("2026-03", "e1", figures="{}")
    control.reopen_month("2026-03", "late", "ana")
    assert control.verify_audit() == []
    control.close()

    app = create_engine(apps)
    for forbidden in (
        "UPDATE verdicts SET verdict = 'PASS'",
        "DELETE FROM audit_events",
        "TRUNCATE sign_offs",
        "ALTER TABLE verdicts DISABLE TRIGGER USER",
        "DROP TRIGGER verdicts_rows_stay ON verdicts",
        "DROP TABLE audit_events CASCADE",
        "CREATE OR REPLACE FUNCTION control_append_only() RETURNS trigger AS 'BEGIN RETURN OLD; END' LANGUAGE plpgsql",
        "SET session_replication_role = replica",
        f"UPDATE {VERSION_TABLE} SET version_num = '0001'",
    ):
        with pytest.raises(DBAPIError, match=r"must be owner|permission denied"), app.begin() as connection:
            connection.execute(text(forbidden))
    app.dispose()

    with owner.connect() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0012'"))
    with pytest.raises(
        ConfigurationError, match="may not migrate it; set BILLING_RECON_CONTROL_URL to the owner's URL"
    ):
        ControlStore.open(apps)
    with owner.connect() as connection:
        connection.execute(text("DROP OWNED BY recon_app"))
        connection.execute(text("DROP ROLE recon_app"))
    owner.dispose()


def test_the_name_of_a_role_is_no_place_for_sql() -> None:
    with pytest.raises(ConfigurationError, match="is no name for a role"):
        grants("app; DROP TABLE verdicts")
