-- Usage that arrived after the late window of its own period, on the day it arrived and on each day with bills or
-- unbilled usage that it is part of; with the period that bills it. `fate` is never empty, so nothing is lost (see
-- late_arrivals).
-- inputs: late_arrivals, run_params
-- rows from: late_arrivals
SELECT
    late.arrived AS arrived_on, late.usage_day, late.subscription_id, late.meter,
    CAST(late.quantity AS quantity) AS quantity, late.fate, late.own_start, late.own_end, late.adjusted_start,
    late.adjusted_end, late.due_on
FROM late_arrivals AS late
CROSS JOIN run_params AS params
WHERE late.fate <> 'in_time' AND (late.arrived = params.day OR late.wanted OR late.is_open)
