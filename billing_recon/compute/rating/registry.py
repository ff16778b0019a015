"""The charge models that exist, and the rating of items under their terms. What an item's quantity is, is decided elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from billing_recon.compute.money import AMOUNT, PRICE, QUANTITY, RAW
from billing_recon.compute.rating import events as by_event
from billing_recon.compute.rating.blocks import GraduatedBlocks, VolumeBlocks
from billing_recon.compute.rating.dynamic import Dynamic
from billing_recon.compute.rating.flat import Flat
from billing_recon.compute.rating.graduated import Graduated
from billing_recon.compute.rating.graduated_percentage import GraduatedPercentage
from billing_recon.compute.rating.matrix import Matrix
from billing_recon.compute.rating.model import STEPS, ChargeModel, Sources
from billing_recon.compute.rating.package import Package
from billing_recon.compute.rating.per_unit import PerUnit
from billing_recon.compute.rating.percentage import Percentage
from billing_recon.compute.rating.prorated_graduated import ProratedGraduated
from billing_recon.compute.rating.tiers import LADDERS, holds
from billing_recon.compute.rating.volume import Volume
from billing_recon.compute.relation import Relation

MODELS: tuple[ChargeModel, ...] = (
    Flat(),
    PerUnit(),
    Graduated(),
    Volume(),
    Package(),
    Percentage(),
    GraduatedPercentage(),
    Dynamic(),
    Matrix(),
    GraduatedBlocks(),
    VolumeBlocks(),
    ProratedGraduated(),
)
"""Every model, in the order of the rule book. Adding one is a file of its own and a line here. The last is how graduated
charges with `prorated` are priced; every other is named in core.catalog."""

OPTIONAL: dict[str, str] = {
    "before": f"CAST(0 AS {QUANTITY})",
    "opens": "true",
    "closes": "true",
    "tier_units": "NULL",
    "events": "CAST(NULL AS BIGINT)",
    "cell": "CAST(NULL AS VARCHAR)",
    "in_bucket": "false",
    "line_id": "asked.item_id",
    "own_price": f"CAST(NULL AS {PRICE})",
    "allowance": f"CAST(0 AS {QUANTITY})",
}
"""Columns that `items` may have, with the SQL that stands for a missing one: `before` the units of the same period that its
earlier parts billed, `opens` and `closes` whether the item is the first and the last part, `tier_units` the units that choose
a volume tier where they are not those priced, `events` how many were metered, `cell` the matrix's cell, `in_bucket` whether
it is one bucket of several, `line_id` what its items make up together, `own_price` what the contract agrees in place of the
charge's amount, unit price or package price, `allowance` the units that the contract includes on top of the charge's free ones."""

_OF_CHARGE = """charge.plan_id = asked.plan_id AND charge.plan_version = asked.plan_version
        AND charge.currency = asked.currency AND charge.charge_id = asked.charge_id"""
_CONVERSION = "charge.divide_by, charge.multiply_by, charge.convert_rounding, charge.convert_decimals"
_PRICES = ("amount", "unit_price", "package_price")
_TERMS = (
    *(*_PRICES, "package_size", "package_rounding", "rate", "event_fee", "free_events", "event_minimum"),
    *("event_maximum", "multiplier", "due"),
)
"""Columns of term_charges that models read as they are (of the prices, the contract's own where it agrees one)."""

_TOTAL = "CASE WHEN off = 0 THEN before + quantity ELSE greatest(before + quantity - off, 0) END"
_TIERED = "('graduated', 'volume', 'graduated_percentage')"
_BILLS_NOTHING = f"item.idle AND NOT (item.fee_at_zero AND item.model IN {_TIERED})"

_NO_EVENTS: dict[str, str] = {
    **dict.fromkeys(("sums.events", "sums.paid_events"), "CAST(NULL AS BIGINT)"),
    **dict.fromkeys(("sums.paid_units", "sums.ends", "sums.most", "sums.shared"), f"CAST(NULL AS {QUANTITY})"),
    "sums.bounded": f"CAST(NULL AS {RAW})",
    **dict.fromkeys(("sums.first_fee", "sums.moved", "sums.fees"), f"CAST(0 AS {RAW})"),
}
"""What stands for the sums of events where no events are at hand."""


def price(items: str, into: str, *, given: Collection[str] = (), events: str | None = None) -> tuple[Relation, ...]:
    """Relations that price the relation `items` under the terms it names, ending in the relation `into`.

    `items`: item_id (unique, any type), plan_id, plan_version, currency, charge_id, quantity QUANTITY, the proration share
    part, whole INTEGER (1, 1 for none), and those of OPTIONAL that `given` names. `events`: a relation item_id, event_no
    (their order), value QUANTITY, prorated QUANTITY (the value's share; the value itself where nothing is prorated) with the
    events of items whose charge is priced by event; without it such items give no row, and neither does one whose charge the
    catalog does not have.

    `into`: item_id (the line's where `given` has line_id), model, part, whole, decimals, unit_price PRICE (empty for tiered
    models), raw (before proration) and gross_raw DECIMAL(38,22), gross AMOUNT settled by the currency, the profile's rounding
    and its rounding point, and tier_amounts AMOUNT[]: what gross is the sum of where each tier and fee is settled by itself
    (empty elsewhere, and for a share of a period). A usage charge bills nothing for no usage but what the profile's `no_usage`
    says; events within bounds are priced one by one, and such of no value are raised to their minimum.
    """
    return _rated(items, into, given, events, with_working=False)


def rate(items: str, into: str, *, given: Collection[str] = (), events: str | None = None) -> tuple[Relation, ...]:
    """As `price`, with `working` (JSON text): the model, its steps and the share of the period.

    Both read nothing but `items`, `events` and the catalog's tables, so the reconciler can ask what another quantity or
    another version of the plan would have cost; where only the price is asked, `price` spares the working.
    """
    return _rated(items, into, given, events, with_working=True)


def _rated(
    items: str, into: str, given: Collection[str], events: str | None, *, with_working: bool
) -> tuple[Relation, ...]:
    unknown = set(given) - set(OPTIONAL)
    if unknown:
        raise ValueError(f"items cannot have {sorted(unknown)}; they are {sorted(OPTIONAL)}")
    at = Sources(into)
    return (
        _converted(items, at, given),
        _terms(items, at, given, by_events=events is not None),
        *(by_event.summed(at, events) if events else ()),
        _by_tier(items, at),
        _figures(items, at, into, given, by_events=events is not None, with_working=with_working),
    )


def _converted(items: str, at: Sources, given: Collection[str]) -> Relation:
    """Units in the measure in which they are billed. Few catalogs convert any; without one nothing is planned."""
    before = f"converted(asked.before, {_CONVERSION})" if "before" in given else OPTIONAL["before"]
    return Relation(
        name=at.converted,
        inputs=(items, "term_charges"),
        rows_from=("term_charges WHERE divide_by IS NOT NULL OR multiply_by IS NOT NULL",),
        doc="Items whose units are billed in another measure than they are metered.",
        sql=f"""
SELECT asked.item_id, converted(asked.quantity, {_CONVERSION}) AS quantity, {before} AS before
FROM {items} AS asked
JOIN term_charges AS charge ON {_OF_CHARGE}
WHERE charge.divide_by IS NOT NULL OR charge.multiply_by IS NOT NULL""",
    )


def _terms(items: str, at: Sources, given: Collection[str], *, by_events: bool) -> Relation:
    own = {name: f"asked.{name}" if name in given else missing for name, missing in OPTIONAL.items()}
    terms = {name: f"charge.{name}" for name in _TERMS}
    if "own_price" in given:
        terms |= {name: f"coalesce(asked.own_price, charge.{name})" for name in _PRICES}
    free = f"CAST(charge.free_units + asked.allowance AS {QUANTITY})" if "allowance" in given else "charge.free_units"
    parts = ("tier_units", "events", "cell", "opens", "closes", "in_bucket")
    return Relation(
        name=at.terms,
        inputs=(items, at.converted, "term_charges", "currencies", "term_profile"),
        kept=False,
        doc="Each item with the terms of its charge, the free units taken off.",
        sql=f"""
SELECT part_id, item_id, part, whole, decimals, term_no, kind, model, currency, quantity,
    CAST(greatest(before - off, 0) AS {QUANTITY}) AS prior, CAST({_TOTAL} AS {QUANTITY}) AS total,
    CAST(coalesce(tier_units, {_TOTAL}) AS {QUANTITY}) AS tier_units, events, cell, opens, closes, free_units,
    {", ".join(terms)},
    kind = 'usage' AND before + CASE WHEN is_prorated THEN coalesce(tier_units, quantity) ELSE quantity END = 0
        AND model <> 'prorated_graduated'
        AND NOT (model = 'percentage' AND coalesce(event_minimum, event_maximum) IS NOT NULL) AS idle,
    CASE WHEN in_bucket THEN no_usage_in_bucket ELSE no_usage END = 'first_tier' AS fee_at_zero
FROM (
    SELECT asked.item_id AS part_id, {own["line_id"]} AS item_id, asked.part, asked.whole, money.decimals,
        charge.term_no, charge.kind, charge.currency, charge.prorated AS is_prorated, {free} AS free_units,
        CASE WHEN charge.prorated AND charge.model = 'graduated' THEN 'prorated_graduated' ELSE charge.model END AS model,
        CAST(coalesce(converted.quantity, asked.quantity) AS {QUANTITY}) AS quantity,
        CAST(coalesce(converted.before, {own["before"]}) AS {QUANTITY}) AS before,
        CASE WHEN charge.model = 'percentage' THEN CAST(0 AS {QUANTITY}) ELSE {free} END AS off,
        {", ".join(f"{own[name]} AS {name}" for name in parts)},
        {", ".join(f"{sql} AS {name}" for name, sql in terms.items())},
        profile.no_usage, profile.no_usage_in_bucket
    FROM {items} AS asked
    JOIN term_charges AS charge ON {_OF_CHARGE}
    JOIN currencies AS money ON money.currency = asked.currency
    LEFT JOIN {at.converted} AS converted ON converted.item_id = asked.item_id
    CROSS JOIN term_profile AS profile
    WHERE {"true" if by_events else "NOT charge.priced_by_event"}
) AS charged""",
    )


def _by_tier(items: str, at: Sources) -> Relation:
    """What tiers come to where every step is settled by itself; without a row unless the profile says so.

    A share of a period is settled as a whole: its steps are no lines of their own.
    """
    columns = ", ".join(name for name, _ in STEPS)
    stepped = (sql for model in MODELS if (sql := model.steps(at.terms)))
    steps = "\n    UNION ALL\n".join(
        f"    SELECT {columns} FROM ({sql}\n    ) AS of_{n}" for n, sql in enumerate(stepped)
    )
    return Relation(
        name=at.by_tier,
        inputs=(at.terms, "term_tiers", "term_profile", "run_params"),
        rows_from=("term_profile WHERE rounding_point = 'tier'",),
        doc="Each part as the sum of its steps, each settled by itself.",
        sql=f"""
WITH steps AS (
{steps}
)
SELECT part_id, CAST(sum(amount) AS {AMOUNT}) AS settled, list(amount ORDER BY step_no) AS amounts
FROM (
    SELECT steps.part_id, steps.step_no, settle(steps.raw, item.decimals, params.rounding) AS amount
    FROM steps
    JOIN {at.terms} AS item ON item.part_id = steps.part_id
    JOIN term_profile AS profile ON profile.rounding_point = 'tier'
    CROSS JOIN run_params AS params
) AS settled
GROUP BY part_id""",
    )


def _figures(
    items: str, at: Sources, into: str, given: Collection[str], *, by_events: bool, with_working: bool
) -> Relation:
    """One pass: the items with their terms, the tier that holds their units, and every model's amount in one CASE."""
    amount, steps, joined = _amount(given), "CAST(NULL AS VARCHAR)", ""
    if _parted(given):
        joined += (
            "\n    LEFT JOIN term_tiers AS earlier_tier ON (item.prior > 0 OR NOT item.opens) "
            f"AND {holds('item.prior', 'earlier_tier')}"
        )
    if with_working:
        steps = _by_model((m.name, m.working) for m in MODELS)
        joined += LADDERS.format(models=", ".join(f"'{m.name}'" for m in MODELS if "ladder.tiers" in m.working))
    if by_events:
        joined += _EVENT_SUMS.format(at=at)
    else:
        for column, nothing in _NO_EVENTS.items():
            amount, steps = amount.replace(column, nothing), steps.replace(column, nothing)
    shown = _by_model((m.name, m.unit_price) for m in MODELS if m.unit_price)
    return Relation(
        name=into,
        inputs=(
            *(at.terms, at.by_tier, "term_tiers", "term_cells", "run_params", "term_profile"),
            *((at.paid, at.weighed) if by_events else ()),
        ),
        rows_from=(items,),
        doc="Each item priced by its model, prorated and settled.",
        sql=f"""
WITH owed AS (
    SELECT item.part_id, item.item_id, item.model, item.decimals, item.part, item.whole, stepped.amounts,
        CAST({shown} AS {PRICE}) AS unit_price, {steps} AS steps,
        CASE WHEN {_BILLS_NOTHING} THEN CAST(0 AS {RAW}) ELSE {amount} END AS raw,
        CASE WHEN {_BILLS_NOTHING} THEN CAST(0 AS {AMOUNT}) ELSE stepped.settled END AS settled
    FROM {at.terms} AS item
    LEFT JOIN term_tiers AS tier ON {holds("item.tier_units", "tier")}
    LEFT JOIN term_cells AS cell ON cell.term_no = item.term_no AND cell.cell = item.cell
    LEFT JOIN {at.by_tier} AS stepped ON stepped.part_id = item.part_id{joined}
),
lines AS ({_SUMMED if "line_id" in given else _ALONE}
),
shared AS (
    SELECT item_id, model, decimals, part, whole, unit_price, raw, settled, amounts, steps,
        share_owed(raw, part, whole, ratio_decimals) AS gross_raw
    FROM lines
    CROSS JOIN term_profile AS profile
)
SELECT item_id, model, decimals, part, whole, unit_price, raw, gross_raw,
    CASE WHEN settled IS NOT NULL AND part = whole THEN settled ELSE settle(gross_raw, decimals, rounding) END AS gross,
    CASE WHEN settled IS NOT NULL AND part = whole THEN amounts END AS tier_amounts{_WORKING if with_working else ""}
FROM shared
CROSS JOIN run_params AS params""",
    )


_ALONE = """
    SELECT item_id, model, decimals, part, whole, unit_price, raw, settled, amounts, steps FROM owed"""
_SUMMED = f"""
    SELECT item_id, max(model) AS model, max(decimals) AS decimals, max(part) AS part, max(whole) AS whole,
        CASE WHEN min(unit_price) = max(unit_price) THEN max(unit_price) END AS unit_price, CAST(sum(raw) AS {RAW}) AS raw,
        CASE WHEN count(settled) = count(*) THEN CAST(sum(settled) AS {AMOUNT}) END AS settled,
        flatten(list(amounts ORDER BY part_id)) AS amounts, '[' || string_agg(steps, ',' ORDER BY part_id) || ']' AS steps
    FROM owed GROUP BY item_id"""
_WORKING = """,
    '{"model":"' || model || '","steps":' || steps || ',"proration":' || CASE WHEN part = whole THEN 'null'
        ELSE '{"days":' || CAST(part AS VARCHAR) || ',"of":' || CAST(whole AS VARCHAR) || '}' END || '}' AS working"""
_EVENT_SUMS = """
    LEFT JOIN (
        SELECT coalesce(paid.part_id, weighed.part_id) AS part_id, paid.bounded, paid.paid_units, paid.paid_events, paid.events,
            weighed.ends, weighed.most, weighed.shared, weighed.moved, weighed.fees, weighed.first_fee
        FROM {at.paid} AS paid
        FULL JOIN {at.weighed} AS weighed ON weighed.part_id = paid.part_id
    ) AS sums ON sums.part_id = item.part_id"""


def _parted(given: Collection[str]) -> bool:
    """Whether items may be parts of a period that earlier parts have billed some of."""
    return bool({"before", "opens"} & set(given))


def _amount(given: Collection[str]) -> str:
    """SQL of each model's amount; of a later part less what the earlier ones cost."""
    amount = _by_model((m.name, m.amount) for m in MODELS)
    if not _parted(given):
        return amount
    earlier = _by_model((m.name, m.earlier) for m in MODELS if m.earlier)
    return (
        f"CAST({amount} - CASE WHEN item.prior > 0 OR NOT item.opens THEN coalesce({earlier}, 0) ELSE 0 END AS {RAW})"
    )


def _by_model(expressions: Iterable[tuple[str, str]]) -> str:
    """One CASE over the models; those with the same expression share it."""
    models: dict[str, list[str]] = {}
    for model, expression in expressions:
        models.setdefault(expression, []).append(f"'{model}'")
    arms = " ".join(f"WHEN item.model IN ({', '.join(names)}) THEN {sql}" for sql, names in models.items())
    return f"CASE {arms} END"
