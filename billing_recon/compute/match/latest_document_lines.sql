-- Lines of documents, each in its latest version. `known_on`: the day it was first observed; `changed_on`: the day of
-- the version that holds.
-- inputs: rendered_lines, document_line_versions
-- kept: no
SELECT
    document_id, line_no, line_id, amount, tax, source_file, source_row, observed_on AS known_on,
    observed_on AS changed_on
FROM rendered_lines ANTI JOIN document_line_versions USING (document_id)
UNION ALL
SELECT document_id, line_no, line_id, amount, tax, source_file, source_row, known_on, changed_on
FROM document_line_versions
