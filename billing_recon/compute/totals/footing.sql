-- Control totals that do not foot: the population's difference is not the sum of its breaks. Empty, or something was
-- lost.
-- inputs: control_totals
SELECT pair, currency, meter, cohort, variant, delta, break_net, CAST(delta - break_net AS amount) AS lost
FROM control_totals WHERE delta <> break_net ORDER BY pair, currency, meter, cohort, variant
