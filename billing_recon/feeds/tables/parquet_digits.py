"""Parquet decimals of more digits than DuckDB keeps: it would read them as binary floats."""

from __future__ import annotations

from pathlib import Path

from billing_recon.core.errors import LandingRefused

_BATCH_ROWS = 20_000


def with_all_digits(name: str, path: Path, copy: Path) -> Path:
    """Return the file, or a copy whose decimals of more than 38 digits are texts. Raise LandingRefused if they are nested."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as source:
            schema = source.schema_arrow
            wide = [number for number, field in enumerate(schema) if pa.types.is_decimal256(field.type)]
            nested = [
                field.name for field in schema if pa.types.is_nested(field.type) and "decimal256" in str(field.type)
            ]
            if nested:
                raise LandingRefused(
                    f"{name}: {', '.join(nested)} has decimals of more than 38 digits within, of which some would be lost; "
                    "ask for them as columns, or as texts"
                )
            if not wide:
                return path
            for number in wide:
                schema = schema.set(number, pa.field(schema.field(number).name, pa.string()))
            with pq.ParquetWriter(copy, schema) as target:
                for batch in source.iter_batches(_BATCH_ROWS):
                    target.write_batch(
                        pa.record_batch(
                            [c.cast(f.type) for c, f in zip(batch.columns, schema, strict=True)], schema=schema
                        )
                    )
    except (pa.ArrowException, OSError):
        return path  # not a whole Parquet file: its reader refuses it
    return copy
