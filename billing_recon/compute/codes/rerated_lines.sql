-- Per differing charge: gross and raw gross at the billed quantity under the expected version (empty if the quantity
-- is the expected one; `own_unbound`: before the charge's own minimum and maximum), the first other version that gives
-- exactly the billed gross, and whether it is the gross without the free units, with twice as many or with a part of
-- them (is_carried), without the share of the period, or by other days (`shared_by`). What gives back is negative.
-- inputs: rerating_items, rerated, rerated_bounds, differing_lines
-- rows from: rerating_items
WITH held AS (
    SELECT
        rerated.item_id, rerated.unit_price, rerated.gross AS unbound,
        coalesce(bounded.gross_raw, rerated.gross_raw) AS gross_raw, coalesce(bounded.gross, rerated.gross) AS gross
    FROM rerated
    LEFT JOIN rerated_bounds AS bounded ON bounded.item_id = rerated.item_id
),
answers AS (
    SELECT
        asked.item, asked.way, asked.plan_version, line.billed_gross, line.expected_price, held.unit_price,
        CASE WHEN line.expected_gross < 0 THEN -held.unbound ELSE held.unbound END AS unbound,
        CASE WHEN line.expected_gross < 0 THEN -held.gross_raw ELSE held.gross_raw END AS gross_raw,
        CASE WHEN line.expected_gross < 0 THEN -held.gross ELSE held.gross END AS gross
    FROM rerating_items AS asked
    JOIN held ON held.item_id = asked.item_id
    JOIN differing_lines AS line ON line.item = asked.item
)
SELECT
    item, max(gross_raw) FILTER (WHERE way = 'own') AS own_raw, max(gross) FILTER (WHERE way = 'own') AS own_gross,
    max(unbound) FILTER (WHERE way = 'own') AS own_unbound,
    min(plan_version) FILTER (WHERE way = 'version' AND gross = billed_gross) AS other_version,
    coalesce(bool_or(gross = billed_gross) FILTER (WHERE way = 'unfree'), false) AS is_unfree,
    coalesce(bool_or(gross = billed_gross) FILTER (WHERE way IN ('carried', 'planned', 'agreed')), false) AS is_carried,
    coalesce(bool_or(gross = billed_gross) FILTER (WHERE way = 'whole'), false) AS is_whole,
    max(way) FILTER (WHERE way IN ('more', 'less', 'thirty') AND gross = billed_gross) AS shared_by,
    coalesce(
        bool_or(gross = billed_gross AND unit_price <> expected_price) FILTER (WHERE way = 'listed'), false
    ) AS is_listed
FROM answers
GROUP BY item
