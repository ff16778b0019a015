"""The quarantine of one landing: each row with its faults, the next step, its owner and the money at risk."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.schema import LEDGER_ENTRIES, QUARANTINE, TableSpec
from billing_recon.feeds.landing.loaded_file import FAULTS, REJECTED, TYPED, Loaded
from billing_recon.feeds.parse.typed_rows import reread_rows, unreadable_faults
from billing_recon.feeds.tables.day_files import DayFile, file_name
from billing_recon.feeds.tables.raw_rows import single, text

_REREAD = "landing_reread"

_FEW_ROWS = 100
"""Up to this many rows are looked up by their numbers, which a large Parquet file answers without being read whole."""


def fill_quarantine(
    con: duckdb.DuckDBPyConnection, spec: TableSpec, loaded: list[Loaded], files: Sequence[DayFile], owner: str
) -> None:
    """Create `landed_quarantine`. Quarantined rows of the `loaded` files are read again, to store them as delivered."""
    columns = ", ".join(f"{column.name} {column.sql_type}" for column in QUARANTINE.columns)
    con.execute(f"CREATE OR REPLACE TABLE landed_quarantine ({columns})")
    if not loaded:
        return
    (rows,) = single(
        con,
        f"CREATE OR REPLACE TEMP TABLE landing_quarantined AS SELECT file_no, ordinal FROM {TYPED} WHERE unreadable "
        f"UNION SELECT file_no, ordinal FROM {FAULTS}",
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_REREAD} (file_no INTEGER, ordinal BIGINT, payload VARCHAR, texts VARCHAR, "
        "reading VARCHAR)"
    )
    for one in loaded if rows else []:
        its = f"SELECT ordinal FROM landing_quarantined WHERE {one.condition}"
        ordinals = [ordinal for (ordinal,) in con.execute(its).fetchall()] if rows <= _FEW_ROWS else its
        con.execute(f"CREATE OR REPLACE TEMP TABLE landing_reread_file AS {reread_rows(one, ordinals)}")
        con.execute(f"INSERT INTO {_REREAD} SELECT file_no, ordinal, payload, texts, reading FROM landing_reread_file")
        if one.unreadable:
            con.execute(f"INSERT INTO {FAULTS} {unreadable_faults(one, 'landing_reread_file')}")
    con.execute(f"INSERT INTO landed_quarantine {_rows(spec, files, owner)}")


def _rows(spec: TableSpec, files: Sequence[DayFile], owner: str) -> str:
    money = f"t.{spec.money}" if spec.money else "CAST(NULL AS DECIMAL(38,12))"
    if spec is LEDGER_ENTRIES:
        money = "greatest(t.debit, t.credit)"  # a posting has its amount on one side
    known = ", ".join(text(code) for code in sorted(EXPONENTS))
    currency = f"CASE WHEN t.currency IN ({known}) THEN t.currency END" if "currency" in spec.names else "NULL"
    where = file_name(files)
    return f"""
WITH ranked AS (
    SELECT file_no, ordinal, field, value, reason, says, reading, payload,
           row_number() OVER (PARTITION BY file_no, ordinal ORDER BY position, field, says) AS turn,
           string_agg(field, ', ' ORDER BY position, field, says)
               OVER (PARTITION BY file_no, ordinal ORDER BY position, field, says
                     ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS others,
           list(struct_pack(field := field, value := value, reason := reason, says := says))
               OVER (PARTITION BY file_no, ordinal ORDER BY position, field, says
                     ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS faults
    FROM (SELECT file_no, ordinal, position, field, reason, says, reading, payload,
                 CASE WHEN field IS NULL THEN NULL ELSE json_extract_string(texts, '$.' || field) END AS value
          FROM {FAULTS} JOIN {_REREAD} USING (file_no, ordinal))
),
first AS (
    SELECT file_no, ordinal, field, reason, says, others, payload, reading, value,
           CAST(to_json(faults) AS VARCHAR) AS faults
    FROM ranked WHERE turn = 1
),
worded AS (
    SELECT t.file_no AS file_no, t.source_row AS source_row, f.reason AS reason, f.field AS field, f.value AS value,
           CASE WHEN f.field IS NULL THEN 'the row' ELSE f.field END
           || CASE WHEN f.value IS NULL THEN '' WHEN length(f.value) > 80 THEN ' ''' || left(f.value, 77) || '...'''
                   ELSE ' ''' || f.value || '''' END
           || ' ' || f.says
           || CASE WHEN f.others IS NULL THEN '' ELSE '; also wrong: ' || f.others END AS sentence,
           {money} AS money_at_risk, {currency} AS currency, f.payload AS payload, f.reading AS reading, f.faults AS faults
    FROM first f JOIN {TYPED} t USING (file_no, ordinal)
    UNION ALL
    SELECT file_no, source_row, reason, NULL, NULL, 'the row ' || says, NULL, NULL,
           CAST(to_json(struct_pack(line := left(line, 2000))) AS VARCHAR), NULL,
           CAST(to_json([struct_pack(field := NULL, value := NULL, reason := reason, says := says)]) AS VARCHAR)
    FROM {REJECTED}
)
SELECT '', '{spec.name}', {where}, source_row, reason, field, value,
       {where} || ' row ' || source_row || ': ' || sentence, {text(owner)}, money_at_risk, currency, payload,
       reading, faults, NULL
FROM worded
"""
