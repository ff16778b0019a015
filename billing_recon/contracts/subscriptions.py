"""Rules of contract intervals. The terms in `contract` must be a core.catalog.Contract."""

from __future__ import annotations

import polars as pl
from pydantic import ValidationError

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.rule import Rule
from billing_recon.core.catalog import Contract as Terms


def _readable(texts: pl.Series) -> pl.Series:
    """Whether each text is a contract. Many subscriptions share one, so each distinct text is read once."""
    readable = {text: _is_terms(text) for text in texts.drop_nulls().unique().to_list()}
    return texts.replace_strict(readable, default=None, return_dtype=pl.Boolean)


def _is_terms(text: str) -> bool:
    try:
        Terms.model_validate_json(text)
    except ValidationError:
        return False
    return True


RULES: tuple[Rule, ...] = (
    Rule(
        "valid_to",
        Reason.TABLE_RULE,
        pl.col("valid_to") > pl.col("valid_from"),
        "is not after valid_from; an interval that ends before it begins holds nothing",
    ),
    Rule(
        "contract",
        Reason.UNPARSABLE,
        pl.col("contract").map_batches(_readable, return_dtype=pl.Boolean),
        'is not a contract; known terms are discount, coupons, credits and minimum, figures in quotes ("0.10")',
    ),
)
