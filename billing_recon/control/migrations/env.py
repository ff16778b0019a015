"""Alembic's entry: runs the revisions on the connection and in the transaction that control.migrate hands over."""

from __future__ import annotations

from alembic import context

from billing_recon.control.migrate import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transaction_per_migration=False,
)
context.run_migrations()
