"""What a contract is, and how rows are checked against it. A table's rules are in the module of its name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.schema import PAYMENTS, Column, Kind, TableSpec

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema

POLARS_TYPE: dict[Kind, Any] = {
    Kind.TEXT: pl.String,
    Kind.QUANTITY: pl.Decimal(28, 10),
    Kind.PRICE: pl.Decimal(24, 12),
    Kind.AMOUNT: pl.Decimal(38, 12),
    Kind.RATE: pl.Decimal(12, 8),
    Kind.DATE: pl.Date,
    Kind.TIMESTAMP: pl.Datetime("us", "UTC"),
    Kind.INTEGER: pl.Int64,
    Kind.JSON: pl.String,
    Kind.CURRENCY: pl.String,
    Kind.TIMEZONE: pl.String,
}
"""The frame's type of each kind; the counterpart of core.schema.SQL_TYPE, exact for decimals."""


DETAILS = pl.Struct({"reason": pl.String, "says": pl.String})
"""What `Rule.details` gives for a row."""

# pandera keeps the settings of the running validation in a global, and tables are landed in parallel threads.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition on every row. If `holds` is null (a value is empty), the rule does not apply.

    `field` is the column to look at. `says` completes the sentence "<field> '<value>' ...": what is wrong and what to do;
    `details` (DETAILS) gives both from the row's own values, if they depend on them. A rule over several columns is a
    table rule.
    """

    field: str
    reason: Reason
    holds: pl.Expr
    says: str
    details: pl.Expr | None = None

    @property
    def label(self) -> str:
        """What pandera reports for a failure; unique within a contract."""
        return f"{self.field}: {self.reason}: {self.says}"


@dataclass(frozen=True)
class Contract:
    """One table's contract. `column_rules` follow from its specification, `table_rules` are in its module.

    The rules are used twice: as one expression, which finds the rows with a fault, and as a pandera schema, which names
    each fault. A day's file has dozens of rules per row and hardly ever a fault, so pandera is imported and runs only for
    rows with faults. A test checks that both agree.
    """

    spec: TableSpec
    column_rules: tuple[Rule, ...]
    table_rules: tuple[Rule, ...]

    def on_day(self, rules: tuple[Rule, ...]) -> Contract:
        """This contract with a day's own rules added."""
        return replace(self, table_rules=self.table_rules + rules)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in the order of the columns; the first broken one is a row's reason."""
        return self.column_rules + self.table_rules

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rules read; a frame needs no others."""
        read = {name for rule in self.rules for name in rule.holds.meta.root_names()}
        return tuple(name for name in self.spec.names if name in read)

    @cached_property
    def every_rule_holds(self) -> pl.Expr:
        """True exactly for the rows that the schema accepts."""
        return pl.all_horizontal([rule.holds.fill_null(True) for rule in self.rules])

    @cached_property
    def schema(self) -> DataFrameSchema:
        """The contract as a pandera schema over the columns that it reads. Validate eager frames with `lazy=True`."""
        import pandera.polars as pa

        def check(rule: Rule) -> Any:
            return pa.Check(_holds(rule), error=rule.label, ignore_na=False)

        return pa.DataFrameSchema(
            {
                name: pa.Column(
                    POLARS_TYPE[self.spec.column(name).kind],
                    nullable=True,
                    checks=[check(rule) for rule in self.column_rules if rule.field == name],
                )
                for name in self.columns
            },
            checks=[check(rule) for rule in self.table_rules],
            name=self.spec.name,
        )

    @cached_property
    def sentences(self) -> pl.DataFrame:
        """`position` of each rule with its field, reason and says."""
        return pl.DataFrame(
            [(number, rule.field, rule.reason.value, rule.says) for number, rule in enumerate(self.rules)],
            schema={"position": pl.Int32, "field": pl.String, "reason": pl.String, "says": pl.String},
            orient="row",
        )

    def worded(self, faults: pl.DataFrame, suspects: pl.DataFrame) -> pl.DataFrame:
        """The faults of `suspects` with the field, reason and sentence of their rules."""
        found = faults.join(self.sentences, on="position")
        for position in faults["position"].unique().to_list():
            details = self.rules[position].details
            if details is not None:
                mine = found.filter(pl.col("position") == position)
                own = suspects[mine["index"]].select(details.alias("own")).unnest("own")
                found = pl.concat([found.filter(pl.col("position") != position), mine.with_columns(own)])
        return found

    def suspects(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows that break at least one rule."""
        return frame.filter(~self.every_rule_holds)

    def faults(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Every broken rule of every row: `index` of the row within `frame`, `position` of the rule in `rules`.

        A frame with other column types than the contract's is a bug and raises pandera's error.
        """
        from pandera.errors import SchemaErrors

        positions = {rule.label: number for number, rule in enumerate(self.rules)}
        try:
            with _ONE_AT_A_TIME:
                self.schema.validate(frame, lazy=True)
        except SchemaErrors as error:
            cases = error.failure_cases
            if cases["index"].null_count() or not cases["check"].is_in(list(positions)).all():
                raise
            found: pl.DataFrame = cases.select(
                pl.col("index").cast(pl.Int64),
                pl.col("check").replace_strict(positions, return_dtype=pl.Int32).alias("position"),
            ).unique(maintain_order=True)
            return found
        return pl.DataFrame(schema={"index": pl.Int64, "position": pl.Int32})


def _holds(rule: Rule) -> Callable[[Any], pl.LazyFrame]:
    def holds(data: Any) -> pl.LazyFrame:
        frame: pl.LazyFrame = data.lazyframe
        return frame.select(rule.holds.fill_null(True).alias("holds"))

    return holds


_NO_CURRENCY = 'is not an active ISO 4217 code in capitals; if the file writes eur for EUR: currency: {sql: "upper(...)"} over its column'
_UNSIGNED = (
    "; the kind gives the direction. If refunds are negative in the file: amount: {column: ..., keep: absolute} and kind: {sql: "
    "\"CASE WHEN starts_with(..., '-') THEN 'refund' ELSE 'payment' END\"} over its column"
)


def column_rules(spec: TableSpec, currencies: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules that follow from a table's specification: required values, closed sets, bounds, currencies, time zones."""
    return tuple(rule for column in spec.columns for rule in _rules_of(spec, column, currencies))


def _rules_of(spec: TableSpec, column: Column, currencies: tuple[str, ...]) -> list[Rule]:
    from decimal import Decimal
    from zoneinfo import available_timezones

    from billing_recon.core.currency import EXPONENTS
    from billing_recon.core.schema import LARGEST

    value = pl.col(column.name)
    rules: list[Rule] = []

    def rule(reason: Reason, holds: pl.Expr, says: str) -> None:
        rules.append(Rule(column.name, reason, holds, says))

    if not column.nullable and column.default is None:
        rule(Reason.MISSING_VALUE, value.is_not_null(), f"is empty and every row of {spec.name} needs it")
    if column.one_of:
        allowed, says = value.is_in(list(column.one_of)), f"is not one of {', '.join(column.one_of)}"
        if column.or_like:
            allowed, says = allowed | value.str.contains(column.or_like), f"{says}; {column.doc}"
        rule(Reason.NOT_ALLOWED, allowed, says)
    if column.kind is Kind.CURRENCY:
        rule(Reason.UNKNOWN_CURRENCY, value.is_in(sorted(EXPONENTS)), _NO_CURRENCY)
        if currencies:
            used = f"is not a currency of this company ({', '.join(currencies)}); add it in company.yaml if it is"
            rule(Reason.UNKNOWN_CURRENCY, value.is_in(list(currencies)) | ~value.is_in(sorted(EXPONENTS)), used)
    if column.kind is Kind.TIMEZONE:
        zones = sorted(available_timezones())
        rule(Reason.NOT_ALLOWED, value.is_in(zones), "is not in the IANA time zone database; write Europe/Berlin")
    if column.minimum is not None:
        least = Decimal(column.minimum)
        cure = _UNSIGNED if spec is PAYMENTS else ""
        rule(Reason.OUT_OF_RANGE, value >= least, f"is below {column.minimum}, the least that it can be{cure}")
    if column.kind in LARGEST:
        most = Decimal(LARGEST[column.kind])
        rule(Reason.OUT_OF_RANGE, value.abs() <= most, f"is larger than any real {column.kind.value}; check its unit")
    return rules
