"""Triggers that keep the rows of a table as they were written, for migrations."""

from __future__ import annotations

from alembic import op


def keep_rows(table: str) -> None:
    """Refuse every change and removal of the table's rows. On PostgreSQL the trigger's function is revision 0001's."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_rows_stay BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION control_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_table_stays BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION control_append_only()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} BEGIN "
            f"SELECT RAISE(ABORT, '{table} is append-only: record a new decision instead'); END"
        )
