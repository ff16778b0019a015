-- The events of subscriptions and meters that a plan of theirs charges by event, each once: the row that arrived first.
-- They are picked before anything else is done, since they may be few of many.
-- inputs: usage_events, subscriptions, term_charges
-- rows from: term_charges WHERE by_event
WITH charged AS (
    SELECT DISTINCT subscription.subscription_id, charge.meter
    FROM subscriptions AS subscription
    JOIN term_charges AS charge ON charge.plan_id = subscription.plan_id
        AND charge.plan_version = subscription.plan_version
        AND charge.currency = subscription.currency AND charge.by_event
),
ranked AS (
    SELECT
        event.*, row_number() OVER (
            PARTITION BY event.source, event.event_id ORDER BY event.observed_on, event.source_file, event.source_row
        ) AS place
    FROM usage_events AS event
    SEMI JOIN charged ON charged.subscription_id = event.subscription_id AND charged.meter = event.meter
)
SELECT source, event_id, subscription_id, meter, quantity, event_time, received_at, corrects, dimensions, observed_on
FROM ranked WHERE place = 1
