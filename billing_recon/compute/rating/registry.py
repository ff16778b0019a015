"""The charge models that exist, and the rating of items under their terms. What an item's quantity is, is decided elsewhere."""

from __future__ import annotations

from billing_recon.compute.money import QUANTITY, RAW
from billing_recon.compute.rating.flat import Flat
from billing_recon.compute.rating.graduated import Graduated
from billing_recon.compute.rating.model import PRICED, ChargeModel
from billing_recon.compute.rating.package import Package
from billing_recon.compute.rating.per_unit import PerUnit
from billing_recon.compute.rating.volume import Volume
from billing_recon.compute.relation import Relation

MODELS: tuple[ChargeModel, ...] = (Flat(), PerUnit(), Graduated(), Volume(), Package())
"""Every model, in the order of the rule book. Adding one is a file of its own and a line here."""


def rate(items: str, into: str) -> tuple[Relation, ...]:
    """Relations that price the relation `items` under the terms it names, ending in the relation `into`.

    `items`: item_id (unique, any type), plan_id, plan_version, currency, charge_id, quantity QUANTITY, and the proration
    share part, whole INTEGER (1, 1 for none). `into`: item_id, unit_price PRICE (empty for tiered models), gross_raw
    DECIMAL(38,22), gross AMOUNT settled by the currency and the profile's rounding, working (JSON text), phrase (the
    same in words, before proration). An item whose charge the catalog does not have gives no row; a usage charge bills
    nothing for no usage, whatever its model (rule 5).

    It reads nothing but `items`, `term_charges`, `term_tiers`, `currencies` and `run_params`, so the reconciler can ask
    what another quantity or another version of the plan would have cost.
    """
    terms = f"{into}_terms"
    columns = ", ".join(name for name, _ in PRICED)
    union = "\n    UNION ALL\n    ".join(f"SELECT {columns} FROM by_{model.name}" for model in MODELS)
    models = ",\n".join(f"by_{model.name} AS ({model.price(terms)}\n)" for model in MODELS)
    return (
        Relation(
            name=terms,
            inputs=(items, "term_charges", "currencies"),
            rows_from=(items,),
            doc="Each item beside the terms of its charge.",
            sql=f"""
SELECT i.item_id, CAST(i.quantity AS {QUANTITY}) AS quantity, i.part, i.whole, m.decimals, c.plan_id, c.plan_version, c.currency, c.charge_id, c.kind, c.model, c.amount,
    c.unit_price, c.package_price, c.package_size, c.free_units, coalesce(replace(c.meter, '_', ' '), 'units') AS noun
FROM {items} AS i
JOIN term_charges AS c ON c.plan_id = i.plan_id AND c.plan_version = i.plan_version
    AND c.currency = i.currency AND c.charge_id = i.charge_id
JOIN currencies AS m ON m.currency = i.currency""",
        ),
        Relation(
            name=into,
            inputs=(terms, "term_tiers", "run_params"),
            rows_from=(terms,),
            doc="Each item priced by its model, prorated and settled once, with its working.",
            sql=f"""
WITH {models},
priced AS (
    {union}
),
shared AS (
    SELECT t.item_id, t.model, t.decimals, t.part, t.whole, p.unit_price, p.steps,
        CASE WHEN t.kind = 'usage' AND t.quantity = 0 THEN 'no ' || t.noun ELSE p.phrase END AS phrase,
        CASE WHEN t.kind = 'usage' AND t.quantity = 0 THEN CAST(0 AS {RAW})
            WHEN t.part = t.whole THEN p.raw
            ELSE share(p.raw, t.part, t.whole) END AS gross_raw
    FROM {terms} AS t
    JOIN priced AS p ON p.item_id = t.item_id
)
SELECT s.item_id, s.unit_price, s.gross_raw, settle(s.gross_raw, s.decimals, r.rounding) AS gross,
    CAST(json_object('model', s.model, 'steps', s.steps, 'proration', CASE WHEN s.part = s.whole THEN NULL
        ELSE json_object('days', s.part, 'of', s.whole) END) AS VARCHAR) AS working,
    s.phrase
FROM shared AS s
CROSS JOIN run_params AS r""",
        ),
    )
