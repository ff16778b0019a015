-- Expected lines of charges that are billed in advance.
-- inputs: expected_lines, term_charges
-- rows from: term_charges WHERE kind = 'subscription' AND due = 'in_advance'
SELECT expected.expected_line_id
FROM expected_lines AS expected
SEMI JOIN term_charges AS charge
    ON charge.plan_id = expected.plan_id AND charge.plan_version = expected.plan_version
        AND charge.currency = expected.currency AND charge.charge_id = expected.charge_id
        AND charge.kind = 'subscription' AND charge.due = 'in_advance'
WHERE expected.kind IN ('subscription', 'proration')
