"""The catalog's terms and the profile, as the session's tables. What fills them is compute.terms."""

from __future__ import annotations

from billing_recon.core.schema.table import Column, Kind, Part, TableSpec, nullable

Q, P, A, R, D, SMALL, FLAG, RAW = (
    Kind.QUANTITY,
    Kind.PRICE,
    Kind.AMOUNT,
    Kind.RATE,
    Kind.DATE,
    Kind.SMALL,
    Kind.FLAG,
    Kind.RAW,
)

_PLAN = (Column("plan_id"), Column("plan_version"), Column("currency", Kind.CURRENCY))

CURRENCIES = TableSpec(
    "currencies",
    (
        Column("currency", Kind.CURRENCY),
        Column("decimals", SMALL, doc="at which amounts settle"),
        Column("exponent", SMALL, doc="the currency's own decimals"),
    ),
    key=("currency",),
    doc="Every active ISO 4217 currency.",
    part=Part.TERMS,
)
TERM_PLANS = TableSpec(
    "term_plans",
    (*_PLAN, Column("name"), nullable("minimum", A, doc="per period")),
    key=("plan_id", "plan_version", "currency"),
    doc="Plans of the catalog, one row per version and currency.",
    part=Part.TERMS,
)
TERM_CHARGES = TableSpec(
    "term_charges",
    (
        *_PLAN,
        Column("charge_id"),
        Column("position", SMALL, doc="order of the charge in its plan"),
        Column("kind", doc="subscription or usage"),
        Column("model", doc="charge model, see docs/rating.md"),
        nullable("meter"),
        nullable("amount", P, doc="of a flat charge"),
        nullable("unit_price", P),
        nullable("package_price", P),
        nullable("package_size", Q),
        Column("free_units", Q),
        Column("discountable", FLAG, doc="whether the contract's discount applies"),
        Column("term_no", SMALL, doc="numbers the charges of the whole catalog, so that tiers join on one integer"),
        nullable("package_rounding", doc="how a package begun is counted"),
        nullable("rate", R, doc="share of the metered amount"),
        nullable("event_fee", P, doc="fee per event", unit="currency per event"),
        nullable("free_events", SMALL, doc="events without a fee"),
        nullable("event_minimum", P, doc="least that one event costs"),
        nullable("event_maximum", P, doc="most that one event costs"),
        nullable("multiplier", P, doc="factor of the units", unit="factor"),
        nullable("aggregation", doc="sum, count, maximum and so on"),
        nullable("unique_dimension", doc="the dimension whose distinct values are counted"),
        nullable("bucket", doc="the span of time that is metered by itself"),
        nullable("divide_by", Q, doc="unit conversion", unit="factor"),
        nullable("multiply_by", Q, doc="unit conversion", unit="factor"),
        nullable("convert_rounding", doc="how converted units are rounded"),
        nullable("convert_decimals", SMALL, doc="decimals of converted units"),
        Column("prorated", FLAG, doc="whether a part of a period costs a part of the price"),
        Column("due", doc="in_arrears or in_advance"),
        nullable("dimensions", Kind.JSON, doc="dimensions by which a matrix is priced"),
        Column("by_event", FLAG, doc="single events are needed to meter or price it"),
        Column("included", Q, doc="units of a period that cost nothing"),
        Column("priced_by_event", FLAG, doc="the metered quantity does not determine the price"),
        nullable("minimum", A, doc="per period"),
        nullable("maximum", A, doc="per period"),
        Column("takes_free_units", FLAG, doc="the model leaves out free units, so an allowance can be added to them"),
        Column("agreed_price", FLAG, doc="the charge has one price, which a contract may replace"),
    ),
    key=("term_no",),
    doc="Charges of every plan.",
    part=Part.TERMS,
)
TERM_TIERS = TableSpec(
    "term_tiers",
    (
        *_PLAN,
        Column("charge_id"),
        Column("tier_no", SMALL, doc="1 is the lowest tier"),
        Column("lower", Q, doc="exclusive"),
        nullable("upper", Q, doc="inclusive; empty: no end"),
        Column("unit", P, doc="price of a unit"),
        Column("flat", P, doc="fee for entering the tier", unit="currency"),
        Column("term_no", SMALL, doc="the charge, see term_charges"),
        Column("counts_from", Q, doc="edge from which the tier's units are counted: lower, except in stepped tiers"),
        nullable("block_size", Q, doc="units that are sold together"),
        Column("through", RAW, doc="full cost of all lower tiers plus the fees up to this tier's own"),
        nullable("head", doc="the tier's working as JSON, up to its units"),
        nullable("middle", doc="the tier's working as JSON, from its units to its fee"),
        nullable("flat_bare", doc="the fee as a plain figure"),
    ),
    key=("term_no", "tier_no"),
    doc="Tiers of tiered charges.",
    part=Part.TERMS,
)
TERM_CELLS = TableSpec(
    "term_cells",
    (
        Column("term_no", SMALL, doc="the charge, see term_charges"),
        Column("cell", doc="values of the charge's dimensions, joined by |"),
        Column("unit_price", P),
    ),
    key=("term_no", "cell"),
    doc="Prices of a matrix.",
    part=Part.TERMS,
)
TERM_TAXES = TableSpec(
    "term_taxes",
    (
        Column("tax_region"),
        Column("rate", R),
        Column("effective_from", D),
        nullable("effective_to", D, doc="exclusive; empty: no end"),
    ),
    key=("tax_region", "effective_from"),
    doc="Tax rates by region; each holds until its region's next one.",
    part=Part.TERMS,
)
TERM_PROFILE = TableSpec(
    "term_profile",
    (
        Column("rounding_point", doc="line or tier"),
        Column("no_usage", doc="what a tiered charge bills for no units: nothing or first_tier"),
        Column("no_usage_in_bucket", doc="the same for one empty bucket"),
        nullable("ratio_decimals", SMALL, doc="decimals of a period's share; empty: not rounded"),
        Column("day_count", doc="end_exclusive or both_ends"),
        Column("period_ends", doc="next_start or last_instant"),
        nullable("fixed_days", SMALL, doc="days that every month is taken to have", unit="days"),
        Column("credit_cap", doc="the most that a plan change gives back"),
        Column("step_order", doc="order of adjustments, e.g. discount,maximum,minimum"),
        Column("tax_included", FLAG, doc="whether prices include the tax"),
        Column("on_change", doc="what a change inside a period does to charges billed in advance"),
        Column("changes_due", doc="at_once or next_invoice"),
        Column("changes_take_effect", doc="instant or date"),
        Column("tax_rate_day", doc="period_end or last_day"),
    ),
    doc="One row: settings of the profile that rating reads besides run_params. Meanings: core.profile.Profile.",
    part=Part.TERMS,
)

TERMS: tuple[TableSpec, ...] = (
    CURRENCIES,
    TERM_PLANS,
    TERM_CHARGES,
    TERM_TIERS,
    TERM_CELLS,
    TERM_TAXES,
    TERM_PROFILE,
)
