-- What the change of terms changes, per pair of rated lines that differ.
-- inputs: differing_lines, line_codes
-- rows from: differing_lines
SELECT
    line.expected_line_id AS old_id, line.line_key AS new_id, coded.code, coded.stages,
    coded.is_consequence
FROM differing_lines AS line
JOIN line_codes AS coded ON coded.item = line.item
