-- Lines of documents delivered more than once, one row per delivery. `holds`: it is the latest; `known_on`: the day of
-- the first.
-- inputs: rendered_lines
-- rows from: rendered_lines
SELECT
    line.day, line.source_file, line.source_row, min(line.observed_on) OVER same_key AS known_on,
    row_number() OVER (
        PARTITION BY line.document_id, line.line_no
        ORDER BY line.observed_on DESC, line.source_file DESC, line.source_row DESC, line.day DESC
    ) = 1 AS holds
FROM rendered_lines AS line
SEMI JOIN
    delivered_again(rendered_lines, hash(document_id, line_no)) AS again
    ON again.key = hash(line.document_id, line.line_no)
WINDOW same_key AS (PARTITION BY line.document_id, line.line_no)
