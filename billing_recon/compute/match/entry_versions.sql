-- Ledger entries delivered more than once, one row per delivery. `holds`: it is the latest; `known_on`: the day of the
-- first.
-- inputs: ledger_entries
-- rows from: ledger_entries
SELECT
    entry.day, entry.source_file, entry.source_row, min(entry.observed_on) OVER same_key AS known_on,
    row_number() OVER (
        PARTITION BY entry.entry_id
        ORDER BY entry.observed_on DESC, entry.source_file DESC, entry.source_row DESC, entry.day DESC
    ) = 1 AS holds
FROM ledger_entries AS entry
SEMI JOIN delivered_again(ledger_entries, hash(entry_id)) AS again ON again.key = hash(entry.entry_id)
WINDOW same_key AS (PARTITION BY entry.entry_id)
