-- Usage that arrived after a day and re-opens it: changes to bills that the day decided about. `later_usage` is the
-- roll-up of the days after it.
-- inputs: usage_awaited, later_usage, run_params
SELECT later.day AS arrived_on, later.usage_day, later.subscription_id, later.meter, later.quantity, later.events
FROM later_usage AS later
CROSS JOIN run_params AS params
SEMI JOIN usage_awaited AS awaited
    ON awaited.subscription_id = later.subscription_id
        AND later.usage_day < awaited.period_end AND later.day <= awaited.until
WHERE later.usage_day <= params.day AND later.day > params.day AND later.quantity <> 0
