-- The new engine's corner, with what was found of the old engine for contracts that are carried over.
-- inputs: corner, carried_contracts, corner_old
-- kept: no
SELECT expected_line_id, line_key, sub, due_on, state, code, stages, is_consequence, pass, split
FROM corner_old
SEMI JOIN carried_contracts AS carried ON carried.sub = corner_old.sub
UNION ALL BY NAME
SELECT * FROM corner
