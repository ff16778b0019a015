-- The fewest faults that make a summary posting equal to the cent in every role: one, or two or three together. `ways`
-- counts how many such sets there are; at most five are kept, numbered by `way`. Two or three are looked for only if a
-- set that fits proves something (`proves`): among thousands of invoices some pair fits any difference. `share_`: what
-- the posting books for the invoice if the set is right; `agreed_code`: what all of the sets come to.
-- inputs: batches, single_changes, share_changes, currencies, run_params
-- rows from: batches WHERE is_off
WITH off AS (
    SELECT
        batch.journal_id, batch.currency, batch.stated, batch.scope, batch.first_day, batch.last_day, batch.off_ar,
        batch.off_revenue, batch.off_tax, batch.off_credits, single.journal_id IS NOT NULL AS is_single,
        batch.invoices, coalesce(money.decimals, 0) AS decimals
    FROM batches AS batch
    LEFT JOIN (
        SELECT DISTINCT journal_id, currency, stated, scope, first_day, last_day FROM single_changes
    ) AS single
        ON single.journal_id = batch.journal_id AND single.currency = batch.currency AND single.stated = batch.stated
            AND single.scope = batch.scope AND single.first_day = batch.first_day
            AND single.last_day = batch.last_day
    LEFT JOIN currencies AS money ON money.currency = batch.currency
    WHERE batch.is_off
),
singles AS (
    SELECT
        off.journal_id, off.currency, 1 AS differences,
        [struct_pack(invoice_id := single.invoice_id, kind := single.kind)] AS changes
    FROM off
    JOIN single_changes AS single
        ON single.journal_id = off.journal_id AND single.currency = off.currency AND single.stated = off.stated
            AND single.scope = off.scope AND single.first_day = off.first_day
            AND single.last_day = off.last_day
),
possible AS (
    SELECT
        off.journal_id, off.currency, off.off_ar, off.off_revenue, off.off_tax, off.off_credits, change.invoice_id,
        change.kind, change.rank, change.ar, change.revenue, change.tax, change.credits,
        dense_rank() OVER (
            PARTITION BY off.journal_id, off.currency ORDER BY change.ar, change.revenue, change.tax, change.credits
        ) AS figures,
        full_packages_of(max(abs(change.total)) OVER batch, minor_unit(off.decimals)) AS largest,
        row_number() OVER (
            PARTITION BY off.journal_id, off.currency ORDER BY change.invoice_id, change.kind
        ) AS place
    FROM off
    CROSS JOIN run_params AS params
    JOIN share_changes AS change
        ON change.currency = off.currency AND change.of_member = in_batch(
                off.stated, off.journal_id, off.scope, off.first_day, off.last_day, change.stated_in,
                change.is_open, change.customer_id, change.issued_on
            )
            AND change.issued_on >= CAST(off.first_day - params.ledger_lag_days AS DATE)
            AND change.issued_on <= CAST(off.last_day + params.ledger_lag_days AS DATE)
    WHERE NOT off.is_single AND off.invoices BETWEEN 2 AND 2000 AND NOT change.is_scale
        AND (change.of_member OR change.is_open OR change.rank = 0)
    WINDOW batch AS (PARTITION BY off.journal_id, off.currency)
),
counted AS (
    SELECT
        *, count(DISTINCT figures) FILTER (WHERE ar <> 0) OVER batch AS many,
        count(DISTINCT figures) FILTER (WHERE rank < 2) OVER batch AS plain
    FROM possible
    WINDOW batch AS (PARTITION BY journal_id, currency)
),
pairs AS (
    SELECT
        one.journal_id, one.currency, 2 AS differences,
        [
            struct_pack(invoice_id := one.invoice_id, kind := one.kind),
            struct_pack(invoice_id := two.invoice_id, kind := two.kind)
        ] AS changes
    FROM counted AS one
    JOIN counted AS two
        ON two.journal_id = one.journal_id AND two.currency = one.currency AND two.ar = one.off_ar - one.ar
            AND two.revenue = one.off_revenue - one.revenue AND two.tax = one.off_tax - one.tax
            AND two.credits = one.off_credits - one.credits AND two.place > one.place
            AND two.invoice_id <> one.invoice_id
    WHERE proves(2, one.many, one.largest)
    QUALIFY rank() OVER (PARTITION BY one.journal_id, one.currency ORDER BY one.rank + two.rank) = 1
),
triples AS (
    SELECT
        one.journal_id, one.currency, 3 AS differences,
        [
            struct_pack(invoice_id := one.invoice_id, kind := one.kind),
            struct_pack(invoice_id := two.invoice_id, kind := two.kind),
            struct_pack(invoice_id := three.invoice_id, kind := three.kind)
        ] AS changes
    FROM counted AS one
    JOIN counted AS two
        ON two.journal_id = one.journal_id AND two.currency = one.currency AND two.rank < 2 AND two.place > one.place
            AND two.invoice_id <> one.invoice_id
    JOIN counted AS three
        ON three.journal_id = one.journal_id AND three.currency = one.currency
            AND three.ar = one.off_ar - one.ar - two.ar AND three.revenue = one.off_revenue - one.revenue - two.revenue
            AND three.tax = one.off_tax - one.tax - two.tax
            AND three.credits = one.off_credits - one.credits - two.credits AND three.rank < 2
            AND three.place > two.place AND three.invoice_id <> one.invoice_id AND three.invoice_id <> two.invoice_id
    ANTI JOIN pairs ON pairs.journal_id = one.journal_id AND pairs.currency = one.currency
    WHERE one.rank < 2 AND proves(3, one.plain, one.largest)
),
answers AS (
    SELECT
        *, count(*) OVER batch AS ways,
        CASE
            WHEN bool_and(differences = 1 AND changes[1].kind = 'left_out') OVER batch THEN 'LEDGER_MISSING'
            WHEN bool_and(differences = 1 AND changes[1].kind IN ('twice', 'also')) OVER batch THEN 'LEDGER_DUPLICATE'
        END AS agreed_code,
        row_number() OVER (PARTITION BY journal_id, currency ORDER BY changes) AS way
    FROM (
        SELECT journal_id, currency, differences, changes FROM singles
        UNION ALL
        SELECT journal_id, currency, differences, changes FROM pairs
        UNION ALL
        SELECT journal_id, currency, differences, changes FROM triples
    ) AS found
    WINDOW batch AS (PARTITION BY journal_id, currency)
),
listed AS (
    SELECT journal_id, currency, differences, ways, way, agreed_code, unnest(changes) AS change
    FROM answers
    WHERE way <= 5
)
SELECT
    listed.journal_id, listed.currency, listed.differences, listed.ways, listed.way, listed.agreed_code,
    change.invoice_id, change.kind,
    change.of_member, change.customer_id, change.total,
    CAST(change.ar + CASE WHEN change.of_member THEN change.total ELSE 0 END AS amount) AS share_ar,
    CAST(change.revenue + CASE WHEN change.of_member THEN change.net ELSE 0 END AS amount) AS share_revenue,
    CAST(change.tax + CASE WHEN change.of_member THEN change.booked_tax ELSE 0 END AS amount) AS share_tax,
    CAST(change.credits + CASE WHEN change.of_member THEN change.credit ELSE 0 END AS amount) AS share_credits
FROM listed
JOIN off ON off.journal_id = listed.journal_id AND off.currency = listed.currency
JOIN share_changes AS change
    ON change.currency = listed.currency AND change.invoice_id = listed.change.invoice_id
        AND change.kind = listed.change.kind
