"""JSON Schemas (draft 2020-12) of a contract and of a catalog file, generated from the models that read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from billing_recon.core.catalog import CatalogFile, Contract
from billing_recon.core.exact import Frozen

SCHEMAS: Mapping[str, type[Frozen]] = {"contract.schema.json": Contract, "catalog.schema.json": CatalogFile}
"""The schemas by the name of their file in a home's schemas/."""


def schema_of(model: type[Frozen]) -> dict[str, Any]:
    """The schema of a text that is read as `model`. What one term says of another is checked by reading, not by the schema."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_untitled(model.model_json_schema())}


def schema_text(name: str) -> str:
    """The file `name` of SCHEMAS."""
    return json.dumps(schema_of(SCHEMAS[name]), indent=2, ensure_ascii=False) + "\n"


def _untitled(schema: Any) -> Any:
    """The schema without the titles that repeat the names of keys, and with docstrings on one line."""
    if isinstance(schema, list):
        return [_untitled(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: one for key, one in schema.items() if not (key == "title" and isinstance(one, str))}
    return {
        key: " ".join(one.split()) if key == "description" and isinstance(one, str) else _untitled(one)
        for key, one in kept.items()
    }
