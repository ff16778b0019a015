-- Names in other layers for our subscriptions, customers and invoices, many to one, each key in its latest version.
-- `layer` is the table; key_map may also call it engine, documents, ledger or payments.
-- inputs: key_map
-- rows from: key_map
WITH keys AS (
    SELECT
        CASE
            WHEN lower(layer) IN ('engine', 'billing', 'billed') THEN 'invoice_lines'
            WHEN lower(layer) IN ('documents', 'document', 'rendered') THEN 'rendered_invoices'
            WHEN lower(layer) IN ('ledger', 'booked') THEN 'ledger_entries'
            WHEN lower(layer) IN ('payment', 'paid') THEN 'payments'
            ELSE layer
        END AS layer,
        their_key, our_key, struct_pack(observed_on := observed_on, file := source_file, place := source_row) AS seen
    FROM key_map
)
SELECT layer, their_key, arg_max(our_key, seen) AS our_key FROM keys GROUP BY layer, their_key
