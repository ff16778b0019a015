-- Lines of documents of which a line was delivered more than once, each in its latest version. `known_on`: the day it
-- was first observed; `changed_on`: the day of the version that holds.
-- inputs: rendered_lines
-- rows from: rendered_lines
WITH documents AS (
    SELECT DISTINCT line.document_id
    FROM rendered_lines AS line
    SEMI JOIN
        delivered_again(rendered_lines, hash(document_id, line_no)) AS again
        ON again.key = hash(line.document_id, line.line_no)
)
SELECT
    line.document_id, line.line_no, line.line_id, line.amount, line.tax, line.source_file, line.source_row,
    min(line.observed_on) OVER same_key AS known_on, line.observed_on AS changed_on
FROM rendered_lines AS line
SEMI JOIN documents ON documents.document_id = line.document_id
WINDOW same_key AS (PARTITION BY line.document_id, line.line_no)
QUALIFY row_number() OVER (
        PARTITION BY line.document_id, line.line_no
        ORDER BY line.observed_on DESC, line.source_file DESC, line.source_row DESC, line.day DESC
    ) = 1
