-- Sentences of the pairs that still state a template with placeholders {1} to {5} and the figures for them.
-- inputs: findings, currencies
-- rows from: findings WHERE sentence IS NULL
WITH worded AS (
    SELECT
        finding.break_id, finding.template,
        list_transform(finding.figures, LAMBDA figure: group_thousands(say(figure, coalesce(money.decimals, 0))))
            AS texts
    FROM findings AS finding
    LEFT JOIN currencies AS money ON money.currency = finding.currency
    WHERE finding.sentence IS NULL
)
SELECT
    break_id, replace(
        replace(replace(replace(replace(
            template, '{1}', coalesce(texts[1], '')
        ), '{2}', coalesce(texts[2], '')), '{3}', coalesce(texts[3], '')),
        '{4}', coalesce(texts[4], '')), '{5}', coalesce(texts[5], '')
    ) AS explanation
FROM worded
