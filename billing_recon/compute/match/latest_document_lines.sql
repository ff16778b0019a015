-- Lines of documents, each in its latest version. `known_on`: the day it was first observed; `changed_on`: the day of
-- the version that holds.
-- inputs: rendered_lines, document_line_versions
-- kept: no
SELECT
    line.document_id, line.line_no, line.line_id, line.amount, line.tax, line.source_file, line.source_row,
    coalesce(version.known_on, line.observed_on) AS known_on, line.observed_on AS changed_on
FROM rendered_lines AS line
LEFT JOIN document_line_versions AS version
    ON version.day = line.day AND version.source_file = line.source_file AND version.source_row = line.source_row
WHERE coalesce(version.holds, true)
