"""Macros for what several relations share, called by name. A table macro takes its table as an argument."""

from __future__ import annotations

from billing_recon.core.reason import STAGE_CODES

_CODES = ", ".join(f"'{code.value}'" for codes in STAGE_CODES.values() for code in codes)

FRAGMENTS: tuple[str, ...] = (
    # The place of a reason code in the order of the stages (core.reason.STAGE_CODES), from 1.
    f"CREATE MACRO stage_place(code) AS list_position([{_CODES}], code)",
    # Hashes of the keys that `deliveries` has on more than one day; landing lets a key through once a day. `key_hash` is the hash
    # of its key columns: hash(payment_id). Often one day has most of the rows (a month's invoices), so its keys are compared with
    # those of all other days, and only the others among themselves. Hashes, since nearly no key repeats and texts are slow to
    # compare: a caller must expect a key whose hash equals another's by chance.
    """CREATE MACRO delivered_again(deliveries, key_hash) AS TABLE
WITH days AS (
    SELECT day, row_number() OVER (ORDER BY count(*) DESC, day) AS place FROM query_table(deliveries) GROUP BY day
),
others AS NOT MATERIALIZED (
    SELECT key_hash AS key FROM query_table(deliveries) SEMI JOIN (SELECT day FROM days WHERE place > 1) AS later USING (day)
)
SELECT key_hash AS key
FROM query_table(deliveries)
SEMI JOIN (SELECT day FROM days WHERE place = 1) AS fullest USING (day)
SEMI JOIN others ON others.key = key_hash
UNION ALL
SELECT key FROM others GROUP BY key HAVING count(*) > 1""",
)
"""Created on every connection, after the types and money macros (compute.definitions)."""
