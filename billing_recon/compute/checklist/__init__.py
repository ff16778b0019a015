"""The field checklist: of each business field in each layer, how much of a day's rows has it, and how much is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from billing_recon.compute.quarantine_rows import IN_QUARANTINE
from billing_recon.compute.relation import Relation


class BusinessField(StrEnum):
    """What finance asks of every layer, in its own words."""

    CUSTOMER = "customer"
    PLAN = "plan"
    PERIOD = "period"
    INVOICE_DATE = "invoice date"
    CURRENCY = "currency"
    TAX_REGION = "tax region"
    """Only contracts name it; bills and documents show the rate that it gave."""
    QUANTITY = "quantity"
    UNIT_PRICE = "unit price"
    DISCOUNTS = "discounts"
    CREDITS = "credits"
    RENEWAL = "renewal"
    PAYMENT_STATUS = "payment status"


@dataclass(frozen=True, slots=True)
class Held:
    """Where a layer holds a business field: a column of its table, or a key within a JSON column."""

    table: str
    field: BusinessField
    column: str
    key: str | None = None

    @property
    def label(self) -> str:
        """The column as a reader is shown it.

        >>> Held("subscriptions", BusinessField.CREDITS, "contract", "credits").label
        'contract.credits'
        """
        return self.column if self.key is None else f"{self.column}.{self.key}"


def _held(table: str, **columns: str) -> tuple[Held, ...]:
    return tuple(
        Held(table, BusinessField[name.upper()], *column.split("."))
        for name, listed in columns.items()
        for column in listed.split()
    )


HELD: tuple[Held, ...] = (
    *_held("usage_events", customer="customer_id", period="event_time", quantity="quantity"),
    *_held(
        "subscriptions",
        customer="customer_id",
        plan="plan_id plan_version",
        period="valid_from",
        currency="currency",
        tax_region="tax_region",
        quantity="quantity",
        discounts="contract.discount contract.coupons",
        credits="contract.credits",
        renewal="billing_anchor billing_interval",
    ),
    *_held(
        "invoice_lines",
        customer="customer_id",
        plan="plan_id plan_version",
        period="period_start period_end",
        invoice_date="issued_on",
        currency="currency",
        tax_region="tax_rate",
        quantity="quantity",
        unit_price="unit_price",
        discounts="discount",
        credits="credit",
    ),
    *_held(
        "rendered_invoices",
        customer="customer_id",
        invoice_date="issued_on",
        currency="currency",
        discounts="discount",
    ),
    *_held("rendered_lines", tax_region="tax_rate", quantity="quantity", unit_price="unit_price"),
    *_held("ledger_entries", customer="customer_id", invoice_date="posted_on", currency="currency"),
    *_held("payments", customer="customer_id", currency="currency", payment_status="status"),
    *_held("metered_usage", period="usage_day", quantity="quantity"),
)
"""Every business field of every layer that holds it, in the order of the layers and of the fields."""

LAYERS: tuple[str, ...] = tuple(dict.fromkeys(held.table for held in HELD))
"""The tables that the checklist reads."""


def _filled(held: Held, column: str) -> str:
    """SQL that is not null where a row has the field; a JSON null or an empty list is nothing."""
    if held.key is None:
        return column
    return f"nullif(nullif(json_extract_string({column}, '$.{held.key}'), '[]'), '')"


def _landed(table: str, columns: list[Held]) -> str:
    counted = ", ".join(
        f"struct_pack(label := '{held.label}', filled := count({_filled(held, held.column)}))" for held in columns
    )
    return (
        f"SELECT '{table}' AS table_name, rows, unnest(counts) AS counted "
        f"FROM (SELECT count(*) AS rows, [{counted}] AS counts FROM {table})"
    )


def _checklist() -> str:
    # A canonical column `day` is named usage_day once it is landed; a row set aside still has its own name.
    held = ", ".join(
        f"({n}, '{h.table}', '{h.field}', '{h.label}', '{'day' if h.column == 'usage_day' else h.column}', "
        f"{'NULL' if h.key is None else repr(h.key)})"
        for n, h in enumerate(HELD)
    )
    landed = " UNION ALL ".join(_landed(table, list(of)) for table, of in groupby(HELD, key=lambda h: h.table))
    return f"""
WITH held AS (
    SELECT position, table_name, field, label, column_name, key
    FROM (VALUES {held}) AS t(position, table_name, field, label, column_name, key)
),
landed AS (SELECT table_name, rows, counted.label AS label, counted.filled AS filled FROM ({landed})),
aside AS (
    SELECT h.position,
        count(*) FILTER (WHERE {IN_QUARANTINE}) AS rows,
        count(*) FILTER (WHERE {IN_QUARANTINE} AND CASE WHEN h.key IS NULL THEN value IS NOT NULL
            WHEN json_valid(value) THEN json_extract_string(value, '$.' || h.key) NOT IN ('[]', '') ELSE false END) AS filled,
        count(*) FILTER (WHERE list_contains(fields, h.column_name)) AS faulty
    FROM held AS h
    JOIN (
        SELECT table_name, reading, decision, CAST(json_extract_string(faults, '$[*].field') AS VARCHAR[]) AS fields
        FROM quarantine
    ) AS q ON q.table_name = h.table_name
    CROSS JOIN LATERAL (SELECT nullif(json_extract_string(q.reading, '$.' || h.column_name), '') AS value) AS v
    GROUP BY h.position
),
counted AS (
    SELECT h.position, h.table_name, h.field, h.label AS column_name, l.rows + coalesce(a.rows, 0) AS rows,
        l.filled + coalesce(a.filled, 0) AS filled, coalesce(a.faulty, 0) AS faulty
    FROM held AS h
    JOIN landed AS l ON l.table_name = h.table_name AND l.label = h.label
    LEFT JOIN aside AS a ON a.position = h.position
)
SELECT position, table_name, field, column_name, rows, filled, faulty,
    CAST(ratio(filled, rows) AS DECIMAL(12,8)) AS filled_share, CAST(ratio(faulty, rows) AS DECIMAL(12,8)) AS fault_share
FROM counted ORDER BY position"""


CHECKLIST = Relation(
    name="checklist",
    inputs=(*LAYERS, "quarantine"),
    doc=(
        "Per layer (table_name), business field and column that holds it: rows that came on the day without repeats, those in "
        "which it is filled, those set aside with a fault in it (released since or not), and both as shares of the rows; a "
        "layer without rows has no shares. A column with a default (discount, credit) is filled where the file left it out. "
        "The inputs are one day's partitions."
    ),
    sql=_checklist(),
)
