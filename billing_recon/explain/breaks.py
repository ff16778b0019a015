"""The explanation of each of a day's breaks, from `reported`'s facts. Which sentence applies is decided by the finding."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from billing_recon.explain.facts import Facts
from billing_recon.explain.sentences import sentence

ODD_ONE_OUT = " This agrees with our own rating: the billing engine is the odd one out."


def write_explanations(con: duckdb.DuckDBPyConnection) -> None:
    """Create `explanations` (break_id, explanation) with a row per row of `reported`."""
    decimals = dict(con.execute("SELECT currency, decimals FROM currencies").fetchall())
    rows = con.execute(
        "SELECT break_id, currency, sentence, facts, agrees_with_rating, explanation FROM reported ORDER BY break_id"
    ).fetchall()
    ids, texts = [], []
    for break_id, currency, name, facts, agrees, legacy in rows:
        said = sentence(name, Facts.read({"currency": currency}, facts, decimals)) if name else legacy
        ids.append(break_id)
        texts.append(said + (ODD_ONE_OUT if agrees else ""))
    table = pa.table({"break_id": pa.array(ids, pa.string()), "explanation": pa.array(texts, pa.string())})
    con.register("worded", table)
    con.execute("CREATE OR REPLACE TABLE explanations AS SELECT break_id, explanation FROM worded")
    con.unregister("worded")
