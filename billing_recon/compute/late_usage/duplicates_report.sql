-- Usage delivered more than once, per day of arrival, source, customer and meter: duplicates that landing removed, with
-- their quantity and the first row kept, and rows quarantined because they contradict another row of the same id.
-- inputs: usage_duplicates, quarantined_duplicates
WITH removed AS (
    SELECT
        day, source, customer_id, meter, count(*) AS rows, count(DISTINCT event_id) AS events,
        CAST(coalesce(sum(quantity), 0) AS quantity) AS quantity,
        min(struct_pack(day := kept_on, file := kept_file, place := kept_row, event := event_id)) AS kept
    FROM usage_duplicates
    GROUP BY day, source, customer_id, meter
),
contradicting AS (
    SELECT
        day, source, customer_id, meter, count(*) AS rows, count(DISTINCT event_id) AS events,
        min(struct_pack(file := source_file, place := source_row, event := event_id)) AS first_row
    FROM quarantined_duplicates
    GROUP BY day, source, customer_id, meter
)
SELECT
    coalesce(removed.day, clash.day) AS day, coalesce(removed.source, clash.source) AS source,
    coalesce(removed.customer_id, clash.customer_id) AS customer_id, coalesce(removed.meter, clash.meter) AS meter,
    coalesce(removed.rows, 0) AS collapsed_rows, coalesce(removed.events, 0) AS collapsed_events,
    CAST(coalesce(removed.quantity, 0) AS quantity) AS collapsed_quantity,
    removed.kept.event AS first_event, removed.kept.day AS kept_on, removed.kept.file AS kept_file,
    removed.kept.place AS kept_row, coalesce(clash.rows, 0) AS conflict_rows,
    coalesce(clash.events, 0) AS conflict_events, clash.first_row.event AS first_conflict,
    clash.first_row.file AS conflict_file, clash.first_row.place AS conflict_row
FROM removed
FULL JOIN contradicting AS clash
    ON clash.source IS NOT DISTINCT FROM removed.source
        AND clash.customer_id IS NOT DISTINCT FROM removed.customer_id
        AND clash.meter IS NOT DISTINCT FROM removed.meter AND clash.day = removed.day
ORDER BY day, source, customer_id, meter
