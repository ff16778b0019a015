-- Per differing charge: gross and raw gross at the billed quantity under the expected version (empty if the quantity
-- is the expected one; `own_unbound`: before the charge's own minimum and maximum), the first other version that gives
-- exactly the billed gross, and whether it is the gross without the free units, with twice as many or with a part of
-- them (is_carried), or without the share of the period. What gives back is negative.
-- inputs: rerating_items, rerated, rerated_bounds, differing_lines
-- rows from: rerating_items
WITH held AS (
    SELECT
        rerated.item_id, rerated.unit_price,
        CASE WHEN line.expected_gross < 0 THEN -rerated.gross ELSE rerated.gross END AS unbound,
        CASE WHEN line.expected_gross < 0 THEN -coalesce(bounded.gross_raw, rerated.gross_raw)
            ELSE coalesce(bounded.gross_raw, rerated.gross_raw)
        END AS gross_raw,
        CASE WHEN line.expected_gross < 0 THEN
                -coalesce(bounded.gross, rerated.gross) ELSE coalesce(
                    bounded.gross,
                    rerated.gross
                )
        END AS gross
    FROM rerated
    JOIN rerating_items AS asked ON asked.item_id = rerated.item_id
    JOIN differing_lines AS line ON line.item = asked.item
    LEFT JOIN rerated_bounds AS bounded ON bounded.item_id = rerated.item_id
)
SELECT
    asked.item, max(held.gross_raw) FILTER (WHERE asked.way = 'own') AS own_raw,
    max(held.gross) FILTER (WHERE asked.way = 'own') AS own_gross,
    max(held.unbound) FILTER (WHERE asked.way = 'own') AS own_unbound,
    min(asked.plan_version) FILTER (WHERE asked.way = 'version' AND held.gross = line.billed_gross) AS other_version,
    coalesce(bool_or(held.gross = line.billed_gross) FILTER (WHERE asked.way = 'unfree'), false) AS is_unfree,
    coalesce(
        bool_or(held.gross = line.billed_gross) FILTER (WHERE asked.way IN ('carried', 'planned', 'agreed')),
        false
    ) AS is_carried,
    coalesce(bool_or(held.gross = line.billed_gross) FILTER (WHERE asked.way = 'whole'), false) AS is_whole,
    coalesce(
        bool_or(held.gross = line.billed_gross AND held.unit_price <> line.expected_price)
        FILTER (WHERE asked.way = 'listed'), false
    ) AS is_listed
FROM rerating_items AS asked
JOIN held ON held.item_id = asked.item_id
JOIN differing_lines AS line ON line.item = asked.item
GROUP BY asked.item
