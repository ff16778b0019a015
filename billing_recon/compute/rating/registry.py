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
from billing_recon.compute.rating.model import STEPS, WORDED, ChargeModel, Sources
from billing_recon.compute.rating.package import Package
from billing_recon.compute.rating.per_unit import PerUnit
from billing_recon.compute.rating.percentage import Percentage
from billing_recon.compute.rating.prorated_graduated import ProratedGraduated
from billing_recon.compute.rating.proration import shared as share_of
from billing_recon.compute.rating.tiers import holds
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
    "line_id": "i.item_id",
    "own_price": f"CAST(NULL AS {PRICE})",
    "allowance": f"CAST(0 AS {QUANTITY})",
}
"""Columns that `items` may have, with what stands for one that it has not: `before` the units of the same period that its
earlier parts billed, `opens` and `closes` whether the item is the first and the last part, `tier_units` the units that choose
a volume tier where they are not those priced, `events` how many were metered, `cell` the matrix's cell, `in_bucket` whether
it is one bucket of several, `line_id` what its items make up together, `own_price` what the contract agrees in place of the charge's
amount, unit price or package price, `allowance` the units that the contract includes beside the charge's free ones."""

_CONVERSION = "c.divide_by, c.multiply_by, c.convert_rounding, c.convert_decimals"
_CHARGE = (
    "c.amount, c.unit_price, c.package_price, c.package_size, c.package_rounding, c.free_units, c.rate, c.event_fee, "
    "c.free_events, c.event_minimum, c.event_maximum, c.multiplier, c.due"
)
_TOTAL = "CASE WHEN m.off = 0 THEN m.before + m.quantity ELSE greatest(m.before + m.quantity - m.off, 0) END"
_TIERED = "('graduated', 'volume', 'graduated_percentage')"
_BILLS_NOTHING = f"t.idle AND NOT (t.fee_at_zero AND t.model IN {_TIERED})"


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
    (empty elsewhere, and for a share of a period). A usage charge bills nothing for no usage but what the profile's `no_usage` says;
    events within bounds are priced one by one, and such of no value are raised to their minimum.
    """
    return _priced(items, into, given, events, keeps_terms=False)


def _priced(
    items: str, into: str, given: Collection[str], events: str | None, *, keeps_terms: bool
) -> tuple[Relation, ...]:
    at = Sources(into)
    return (
        _converted(items, at, given),
        _terms(items, at, given, events, kept=keeps_terms),
        _events(at, events),
        by_event.paid(at),
        by_event.paths(at),
        by_event.weighed(at),
        _by_tier(at, into),
        _figures(at, into, given, by_events=events is not None),
    )


def rate(items: str, into: str, *, given: Collection[str] = (), events: str | None = None) -> tuple[Relation, ...]:
    """As `price`, with words: `into` has item_id, unit_price, gross_raw, gross, tier_amounts, working (JSON text) and phrase (the same for a
    sentence, before proration).

    It reads nothing but `items`, `events` and the catalog's tables, so the reconciler can ask what another quantity or
    another version of the plan would have cost; where only the price is asked, `price` spares the words.
    """
    figures = f"{into}_figures"
    at = Sources(figures)
    return (
        *_priced(items, figures, given, events, keeps_terms=True),
        *(_worded(model, at, figures, into) for model in MODELS),
        _told(at, figures, into, given),
    )


def _events(at: Sources, events: str | None) -> Relation:
    """The events asked about; an empty relation where none are at hand, so that every model finds what it reads."""
    columns = f"item_id, event_no, CAST(value AS {QUANTITY}) AS value, CAST(prorated AS {QUANTITY}) AS prorated"
    none = (
        f"part_id AS item_id, CAST(0 AS BIGINT) AS event_no, CAST(0 AS {QUANTITY}) AS value, "
        f"CAST(0 AS {QUANTITY}) AS prorated"
    )
    return Relation(
        name=at.events,
        inputs=(events or at.terms,),
        kept=False,
        doc="The events of the items that are priced by event.",
        sql=f"SELECT {columns} FROM {events}" if events else f"SELECT {none} FROM {at.terms} WHERE false",
    )


def _converted(items: str, at: Sources, given: Collection[str]) -> Relation:
    """Units in the measure in which they are billed. Few catalogs convert any, so the others are spared the planning."""
    before = f"converted(i.before, {_CONVERSION})" if "before" in given else OPTIONAL["before"]
    return Relation(
        name=at.converted,
        inputs=(items, "term_charges"),
        rows_from=("term_charges WHERE divide_by IS NOT NULL OR multiply_by IS NOT NULL",),
        doc="Items whose units are billed in another measure than they are metered.",
        sql=f"""
SELECT i.item_id, converted(i.quantity, {_CONVERSION}) AS quantity, {before} AS before
FROM {items} AS i
JOIN term_charges AS c ON c.plan_id = i.plan_id AND c.plan_version = i.plan_version
    AND c.currency = i.currency AND c.charge_id = i.charge_id
WHERE c.divide_by IS NOT NULL OR c.multiply_by IS NOT NULL""",
    )


def _terms(items: str, at: Sources, given: Collection[str], events: str | None, *, kept: bool) -> Relation:
    unknown = set(given) - set(OPTIONAL)
    if unknown:
        raise ValueError(f"items cannot have {sorted(unknown)}; they are {sorted(OPTIONAL)}")
    own = {name: f"i.{name}" if name in given else missing for name, missing in OPTIONAL.items()}
    charge = _CHARGE
    if "own_price" in given:
        for name in ("amount", "unit_price", "package_price"):
            charge = charge.replace(f"c.{name},", f"coalesce(i.own_price, c.{name}) AS {name},")
    if "allowance" in given:
        free = f"CAST(c.free_units + i.allowance AS {QUANTITY})"
        charge = charge.replace("c.free_units,", f"{free} AS free_units,")
    else:
        free = "c.free_units"
    rateable = "true" if events else "NOT c.priced_by_event"
    return Relation(
        name=at.terms,
        inputs=(items, at.converted, "term_charges", "currencies", "term_profile"),
        kept=kept,
        rows_from=(items,) if kept else (),
        doc="Each item beside the terms of its charge, the free units taken off.",
        sql=f"""
SELECT m.part_id, m.item_id, m.part, m.whole, m.decimals, m.term_no, m.kind, m.model, m.currency, m.noun, m.quantity,
    CAST(greatest(m.before - m.off, 0) AS {QUANTITY}) AS prior, CAST({_TOTAL} AS {QUANTITY}) AS total,
    CAST(coalesce(m.tier_units, {_TOTAL}) AS {QUANTITY}) AS tier_units,
    m.events, m.cell, m.opens, m.closes, {_CHARGE.replace("c.", "m.")},
    m.kind = 'usage' AND m.before + m.quantity = 0 AND m.model <> 'prorated_graduated'
        AND NOT (m.model = 'percentage' AND coalesce(m.event_minimum, m.event_maximum) IS NOT NULL) AS idle,
    CASE WHEN m.in_bucket THEN p.no_usage_in_bucket ELSE p.no_usage END = 'first_tier' AS fee_at_zero
FROM (
    SELECT i.item_id AS part_id, {own["line_id"]} AS item_id, i.part, i.whole, e.decimals, c.term_no, c.kind,
        CASE WHEN c.prorated AND c.model = 'graduated' THEN 'prorated_graduated' ELSE c.model END AS model,
        c.currency, coalesce(replace(c.meter, '_', ' '), 'units') AS noun,
        CAST(coalesce(v.quantity, i.quantity) AS {QUANTITY}) AS quantity,
        CAST(coalesce(v.before, {own["before"]}) AS {QUANTITY}) AS before,
        CASE WHEN c.model = 'percentage' THEN CAST(0 AS {QUANTITY}) ELSE {free} END AS off,
        {own["tier_units"]} AS tier_units, {own["events"]} AS events, {own["cell"]} AS cell, {own["opens"]} AS opens,
        {own["closes"]} AS closes, {own["in_bucket"]} AS in_bucket, {charge}
    FROM {items} AS i
    JOIN term_charges AS c ON c.plan_id = i.plan_id AND c.plan_version = i.plan_version
        AND c.currency = i.currency AND c.charge_id = i.charge_id
    JOIN currencies AS e ON e.currency = i.currency
    LEFT JOIN {at.converted} AS v ON v.item_id = i.item_id
    WHERE {rateable}
) AS m
CROSS JOIN term_profile AS p""",
    )


def _by_tier(at: Sources, into: str) -> Relation:
    """What tiers come to where every step is settled by itself; without a row unless the profile says so.

    A share of a period is settled as a whole: its steps are no lines of their own.
    """
    columns = ", ".join(name for name, _ in STEPS)
    stepped = {model.name: sql for model in MODELS if (sql := model.steps(at))}
    steps = "\n    UNION ALL\n".join(f"    SELECT {columns} FROM ({sql}\n    ) AS of_{n}" for n, sql in stepped.items())
    return Relation(
        name=f"{into}_by_tier",
        inputs=(at.terms, "term_tiers", "term_profile", "run_params"),
        rows_from=("term_profile WHERE rounding_point = 'tier'",),
        doc="Each part as the sum of its steps, each settled by itself.",
        sql=f"""
WITH steps AS (
{steps}
)
SELECT part_id, CAST(sum(amount) AS {AMOUNT}) AS settled, list(amount ORDER BY step_no) AS amounts
FROM (
    SELECT c.part_id, c.step_no, settle(c.raw, t.decimals, r.rounding) AS amount
    FROM steps AS c
    JOIN {at.terms} AS t ON t.part_id = c.part_id
    JOIN term_profile AS p ON p.rounding_point = 'tier'
    CROSS JOIN run_params AS r
) AS settled
GROUP BY part_id""",
    )


def _by_model(expressions: Iterable[tuple[str, str]]) -> str:
    """One CASE over the models; those with the same expression share it."""
    models: dict[str, list[str]] = {}
    for model, expression in expressions:
        models.setdefault(expression, []).append(f"'{model}'")
    arms = " ".join(f"WHEN t.model IN ({', '.join(names)}) THEN {sql}" for sql, names in models.items())
    return f"CASE {arms} END"


_NO_EVENTS: dict[str, str] = {
    "e.bounded": f"CAST(NULL AS {RAW})",
    "e.paid_units": f"CAST(NULL AS {QUANTITY})",
    "e.paid_events": "CAST(NULL AS BIGINT)",
    **dict.fromkeys(("e.ends", "e.shared"), f"CAST(NULL AS {QUANTITY})"),
    **dict.fromkeys(("e.first_fee", "e.moved", "e.fees"), f"CAST(0 AS {RAW})"),
}
"""What stands for the sums of events where no events are at hand."""


def _figures(at: Sources, into: str, given: Collection[str], *, by_events: bool) -> Relation:
    """One pass: the items with their terms, the tier that holds their units, and every model's amount in one CASE."""
    parted = bool({"before", "opens"} & set(given))
    raw = _by_model((m.name, m.amount) for m in MODELS)
    before = ""
    if parted:
        earlier = _by_model((m.name, m.earlier) for m in MODELS if m.earlier)
        raw = f"CAST({raw} - CASE WHEN t.prior > 0 OR NOT t.opens THEN coalesce({earlier}, 0) ELSE 0 END AS {RAW})"
        before = f"\n    LEFT JOIN term_tiers AS p ON (t.prior > 0 OR NOT t.opens) AND {holds('t.prior', 'p')}"
    if not by_events:
        for column, nothing in _NO_EVENTS.items():
            raw = raw.replace(column, nothing)
    shown = _by_model((m.name, m.unit_price) for m in MODELS if m.unit_price)
    summed = f"""
    SELECT item_id, max(model) AS model, max(decimals) AS decimals, max(part) AS part, max(whole) AS whole,
        CASE WHEN min(unit_price) = max(unit_price) THEN max(unit_price) END AS unit_price, CAST(sum(raw) AS {RAW}) AS raw,
        CASE WHEN count(settled) = count(*) THEN CAST(sum(settled) AS {AMOUNT}) END AS settled,
        flatten(list(amounts ORDER BY part_id)) AS amounts
    FROM owed GROUP BY item_id"""
    alone = "SELECT item_id, model, decimals, part, whole, unit_price, raw, settled, amounts FROM owed"
    return Relation(
        name=into,
        inputs=(
            *(at.terms, f"{into}_by_tier", "term_tiers", "term_cells", "run_params", "term_profile"),
            *((at.paid, at.weighed) if by_events else ()),
        ),
        rows_from=(at.terms,),
        doc="Each item priced by its model, prorated and settled.",
        sql=f"""
WITH owed AS (
    SELECT t.part_id, t.item_id, t.model, t.decimals, t.part, t.whole, CAST({shown} AS {PRICE}) AS unit_price,
        CASE WHEN {_BILLS_NOTHING} THEN CAST(0 AS {RAW}) ELSE {raw} END AS raw,
        CASE WHEN {_BILLS_NOTHING} THEN CAST(0 AS {AMOUNT}) ELSE b.settled END AS settled, b.amounts
    FROM {at.terms} AS t
    LEFT JOIN term_tiers AS s ON {holds("t.tier_units", "s")}{before}
    LEFT JOIN term_cells AS k ON k.term_no = t.term_no AND k.cell = t.cell
    LEFT JOIN {into}_by_tier AS b ON b.part_id = t.part_id{_EVENT_SUMS.format(at=at) if by_events else ""}
),
lines AS ({summed if "line_id" in given else alone}
),
shared AS (
    SELECT l.item_id, l.model, l.decimals, l.part, l.whole, l.unit_price, l.raw, l.settled, l.amounts,
        {share_of("l.raw", "l.part", "l.whole", "p.ratio_decimals")} AS gross_raw
    FROM lines AS l
    CROSS JOIN term_profile AS p
)
SELECT s.item_id, s.model, s.decimals, s.part, s.whole, s.unit_price, s.raw, s.gross_raw,
    CASE WHEN s.settled IS NOT NULL AND s.part = s.whole THEN s.settled
        ELSE settle(s.gross_raw, s.decimals, r.rounding) END AS gross,
    CASE WHEN s.settled IS NOT NULL AND s.part = s.whole THEN s.amounts END AS tier_amounts
FROM shared AS s
CROSS JOIN run_params AS r""",
    )


_EVENT_SUMS = """
    LEFT JOIN (
        SELECT coalesce(f.part_id, w.part_id) AS part_id, f.bounded, f.paid_units, f.paid_events, w.ends, w.shared, w.moved,
            w.fees, w.first_fee
        FROM {at.paid} AS f
        FULL JOIN {at.weighed} AS w ON w.part_id = f.part_id
    ) AS e ON e.part_id = t.part_id"""


def _worded(model: ChargeModel, at: Sources, figures: str, into: str) -> Relation:
    """A model's words, not planned where no item is of the model."""
    sql = model.words(at)
    listed = ", ".join(f"CAST({column} AS {kind}) AS {column}" if kind else column for column, kind in WORDED)
    read = (at.terms, at.paid, at.weighed, "term_tiers", "term_cells")
    return Relation(
        name=f"{into}_words_{model.name}",
        inputs=tuple(name for name in read if f" {name} " in sql),
        rows_from=(f"{figures} WHERE model = '{model.name}'",),
        doc=f"Items of model {model.name}: {model.doc}.",
        sql=f"SELECT {listed} FROM ({sql}\n) AS of_model",
    )


def _told(at: Sources, figures: str, into: str, given: Collection[str]) -> Relation:
    union = "\n    UNION ALL\n    ".join(f"SELECT part_id, steps, phrase FROM {into}_words_{m.name}" for m in MODELS)
    said = f"""
    SELECT t.item_id, t.part_id, w.steps, CASE WHEN {_BILLS_NOTHING} THEN 'no ' || t.noun ELSE w.phrase END AS phrase
    FROM {at.terms} AS t
    JOIN worded AS w ON w.part_id = t.part_id"""
    joined = f"""
    SELECT item_id, '[' || string_agg(steps, ',' ORDER BY part_id) || ']' AS steps, CASE WHEN count(*) > 5
        THEN CAST(count(*) AS VARCHAR) || ' parts, the first ' || arg_min(phrase, part_id)
        ELSE string_agg(phrase, ' + ' ORDER BY part_id) END AS phrase
    FROM ({said}
    ) AS parts GROUP BY item_id"""
    return Relation(
        name=into,
        inputs=(figures, at.terms, *(f"{into}_words_{model.name}" for model in MODELS)),
        rows_from=(figures,),
        doc="Each priced item with its working, in figures and in words.",
        sql=f"""
WITH worded AS (
    {union}
),
told AS ({joined if "line_id" in given else said}
)
SELECT f.item_id, f.unit_price, f.gross_raw, f.gross, f.tier_amounts,
    '{{"model":"' || f.model || '","steps":' || t.steps || ',"proration":' || CASE WHEN f.part = f.whole THEN 'null'
        ELSE '{{"days":' || CAST(f.part AS VARCHAR) || ',"of":' || CAST(f.whole AS VARCHAR) || '}}' END || '}}' AS working,
    t.phrase
FROM {figures} AS f
JOIN told AS t ON t.item_id = f.item_id""",
    )
