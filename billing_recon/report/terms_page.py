"""docs/contracts.md, generated from the models of contract and catalog: `python -m billing_recon.report.terms_page` writes it.

Edit the fields in core/catalog.py; a test holds the tracked page to this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from billing_recon.core.catalog import (
    Allowance,
    CatalogFile,
    Cell,
    Charge,
    Contract,
    Conversion,
    Coupon,
    Credit,
    Discount,
    Plan,
    TaxRate,
    Tier,
)
from billing_recon.core.exact import Figure, Frozen
from billing_recon.core.schema import Kind

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"

_CONTRACT: dict[type[Frozen], str] = {
    Contract: "The contract",
    Discount: "discount",
    Coupon: "coupons[]",
    Credit: "credits[]",
    Allowance: "allowances[]",
}
_CATALOG: dict[type[Frozen], str] = {
    CatalogFile: "A file of catalog/",
    Plan: "plans[]",
    Charge: "plans[].charges[]",
    Tier: "plans[].charges[].tiers[]",
    Conversion: "plans[].charges[].convert",
    Cell: "plans[].charges[].prices[]",
    TaxRate: "taxes[]",
}
_FIGURES = {Kind.RATE: "fraction", Kind.AMOUNT: "amount", Kind.PRICE: "price", Kind.QUANTITY: "units"}

_INTRO = """# Contracts and the catalog, key by key

What a customer owes follows from two texts: the plan in `catalog/*.yaml`, and the `contract` column of `subscriptions`, which is JSON.
[rating.md](rating.md) has the rules by which they are rated. This page is generated from `billing_recon/core/catalog.py` by
`python -m billing_recon.report.terms_page`; edit the fields, not the page.

`billing-recon init` writes the JSON Schema (draft 2020-12) of both into the home: `schemas/contract.schema.json` and
`schemas/catalog.schema.json`. Validate contracts where they are made, and point an editor at the second one for the catalog. The schemas
come from the same fields as this page. They cannot say what one term means for another, so what they accept may still be refused.

```json
{
  "discount": {"rate": "0.10", "valid_to": "2027-01-01"},
  "coupons": [{"coupon_id": "WELCOME", "amount": "50.00", "valid_from": "2026-01-01", "charges": ["seats"]}],
  "allowances": [{"meter": "api_calls", "units": "1000", "rollover": "next_period", "since": "2026-01-01"}],
  "minimum": "25.00",
  "overrides": {"base": "8.00"}
}
```

**Figures** are digits with a point, in quotes: `"0.10"`, not `0.10` (a float), `10%`, `1,000.00` or `1e3`. Whole numbers need no quotes.
A *fraction* lies between 0 and 1, so 10% is `"0.10"`. An *amount* is money, *units* count a meter, a *price* is per unit; they have at
most 12, 10 and 12 decimals, a fraction 8. **Days** are `YYYY-MM-DD`. A key that is not listed here is refused."""

_CHECKS = """## What is refused
A contract is checked when its row lands. A row with a problem is quarantined alone, and its message has the path, what is wrong and what to
write instead; `billing-recon quarantine release ROW` takes a corrected text.

| reason | when | example |
|---|---|---|
| UNPARSABLE | no JSON, a key twice, a float, a figure or day in another notation | `minimum: write the figure in quotes ("0.5")` |
| MISSING_VALUE | a key that a term needs is not there | `discount.rate: is missing; add it: as a fraction: 0.10 is 10%` |
| NOT_ALLOWED | a key that does not exist, or a charge, meter or plan that the catalog does not have | `coupons[0].ammount: is no key here; did you mean 'amount'?` |
| OUT_OF_RANGE | a figure that cannot be meant | `discount.rate: 10 is above 1, ... write 10% as "0.1"` |
| TABLE_RULE | terms that contradict each other or would never hold | `allowances: 'calls' is given twice; add their units up in one entry` |

- **Against the plan**: every charge_id in `overrides` and `coupons[].charges` is a charge of the row's plan version; an override is of a
  charge with a single price; an allowance is of a meter that the plan charges by its units; the cap is not below the plan's minimum.
- **The row itself**: an active row is on a plan, version and currency of the catalog, unless it ended more than 400 days before the
  lookback. A billing_anchor lies between 1900 and 2199.
- **A catalog** with a problem is a configuration error: no run starts, and all problems are reported at once, each with file and path.
- **Terms that landed under an earlier catalog** and no longer fit are withheld from the expected lines by name, never passed over.
- **An edit of a plan version in use** is refused: [policies.md](policies.md#versions-of-the-catalog)."""


def page() -> str:
    """The whole page as Markdown."""
    parts = [_INTRO, "## The contract column", *_sections(_CONTRACT), _CHECKS, "## The catalog", *_sections(_CATALOG)]
    return "\n\n".join(parts) + "\n"


def _sections(models: dict[type[Frozen], str]) -> Iterator[str]:
    names = _CONTRACT | _CATALOG
    for model, title in models.items():
        lines = ["| key | written as | required | meaning |", "|---|---|---|---|"]
        for name, info in model.model_fields.items():
            required = "yes" if info.is_required() else ""
            meaning = (info.description or "").replace("|", "\\|")
            lines.append(f"| {name} | {_written(info, names)} | {required} | {meaning}{_default(info)} |")
        about = " ".join((model.__doc__ or "").split())
        yield "\n\n".join([f"### {title}", about, "\n".join(lines)])


def _default(info: FieldInfo) -> str:
    plain = isinstance(info.default, str | int) and not isinstance(info.default, bool) and info.default != ""
    if info.is_required() or not (plain or isinstance(info.default, bool | date)):
        return ""
    return f"; default {str(info.default).lower() if isinstance(info.default, bool) else info.default}"


def _written(info: FieldInfo, names: dict[type[Frozen], str]) -> str:
    extra = info.json_schema_extra
    if isinstance(extra, dict) and isinstance(choices := extra.get("enum"), list):
        return " or ".join(f"`{one}`" for one in choices)
    figure = next((one for one in info.metadata if isinstance(one, Figure)), None)
    return _of_figure(figure) if figure else _of_type(info.annotation, names)


def _of_figure(figure: Figure) -> str:
    word = _FIGURES[figure.kind] if figure.kind else "figure"
    return f"{word}, may be negative" if figure.least is None else word


def _of_type(annotation: Any, names: dict[type[Frozen], str]) -> str:
    inside = [one for one in get_args(annotation) if one not in (type(None), Ellipsis)]
    origin = get_origin(annotation)
    if origin is Annotated:
        figure = next((one for one in inside[1:] if isinstance(one, Figure)), None)
        return _of_figure(figure) if figure else _of_type(inside[0], names)
    if origin in (Union, UnionType):
        return _of_type(inside[0], names)
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inside)
    if origin is tuple:
        return f"list of {_of_type(inside[0], names)}"
    if origin is dict:
        return f"object: name -> {_of_type(inside[1], names)}"
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return f"object, see {names[annotation]}"
    return {date: "day", bool: "true or false", int: "whole number", str: "text"}[annotation]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
