-- Each correction with the root of its chain: the id at the end that is itself no correction, whether it has arrived
-- or not. Corrections that name each other in a circle take the smallest id of the circle. The walk goes from the
-- ends that are no correction downwards, so a long chain is walked once and not once per link; what it cannot reach
-- leads into a circle.
-- inputs: rollup_links
-- rows from: rollup_links
WITH RECURSIVE reached AS (
    SELECT link.source, link.event_id, link.corrects AS root
    FROM rollup_links AS link
    ANTI JOIN rollup_links AS target ON target.source = link.source AND target.event_id = link.corrects
    UNION
    SELECT link.source, link.event_id, reached.root
    FROM reached
    JOIN rollup_links AS link ON link.source = reached.source AND link.corrects = reached.event_id
),
endless AS (
    SELECT link.source, link.event_id, link.corrects
    FROM rollup_links AS link
    ANTI JOIN reached ON reached.source = link.source AND reached.event_id = link.event_id
),
ahead AS (
    SELECT source, event_id, corrects AS ancestor FROM endless
    UNION
    SELECT ahead.source, ahead.event_id, endless.corrects AS ancestor
    FROM ahead
    JOIN endless ON endless.source = ahead.source AND endless.event_id = ahead.ancestor
),
circles AS (SELECT source, event_id FROM ahead WHERE event_id = ancestor),
found AS (
    SELECT source, event_id, root FROM reached
    UNION ALL
    SELECT ahead.source, ahead.event_id, ahead.ancestor AS root
    FROM ahead
    JOIN circles ON circles.source = ahead.source AND circles.event_id = ahead.ancestor
)
SELECT source, event_id, min(root) AS root FROM found GROUP BY source, event_id
