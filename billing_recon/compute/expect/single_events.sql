-- The events of subscriptions and meters that a plan of theirs charges by event, and those around days within which
-- terms change, each once: the row that arrived first.
-- They are picked before anything else is done, since they may be few of many.
-- inputs: usage_events, subscriptions, term_charges, cut_days
-- rows from: term_charges WHERE by_event; cut_days
WITH charged AS (
    SELECT DISTINCT subscription.subscription_id, charge.meter
    FROM subscriptions AS subscription
    JOIN term_charges AS charge ON charge.plan_id = subscription.plan_id
        AND charge.plan_version = subscription.plan_version
        AND charge.currency = subscription.currency AND charge.by_event
),
picked AS (
    SELECT event.*
    FROM usage_events AS event
    SEMI JOIN charged ON charged.subscription_id = event.subscription_id AND charged.meter = event.meter
    UNION ALL
    SELECT event.*
    FROM usage_events AS event
    SEMI JOIN cut_days AS cut ON cut.events_of = event.subscription_id
        AND timezone('UTC', event.event_time) >= cut.cut_day - 1
        AND timezone('UTC', event.event_time) < cut.cut_day + 2
),
ranked AS (
    SELECT
        event.*, row_number() OVER (
            PARTITION BY event.source, event.event_id ORDER BY event.observed_on, event.source_file, event.source_row
        ) AS place
    FROM picked AS event
)
SELECT source, event_id, subscription_id, meter, quantity, event_time, received_at, corrects, dimensions, observed_on
FROM ranked WHERE place = 1
