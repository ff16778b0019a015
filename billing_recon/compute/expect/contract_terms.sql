-- Each text of a contract, read: its terms, or why they cannot be relied on. `garbled`: a term is no exact figure or no
-- date. `unknown`: names of terms that rating does not read (core.catalog.Contract has those it does), which would
-- silently do nothing. `unbounded`: terms with figures that cannot be meant, or given twice. Landing refuses all of
-- these (core.contract_terms); what landed under other rules is withheld here.
-- inputs: run_pieces
WITH texts AS (
    SELECT DISTINCT nullif(trim(contract), '') AS stated FROM run_pieces
),
opened AS (
    SELECT
        stated,
        CASE WHEN NOT json_valid(stated) THEN NULL
            WHEN json_type(stated) IN ('OBJECT', 'NULL') THEN stated
        END AS contract
    FROM texts WHERE stated IS NOT NULL
),
listed AS (
    SELECT
        stated, contract, json_extract(contract, '$.coupons[*]') AS coupons,
        json_extract(contract, '$.credits[*]') AS credits, json_extract(contract, '$.allowances[*]') AS allowances,
        json_extract(contract, '$.overrides.*') AS overrides
    FROM opened
),
unread AS (
    SELECT
        *,
        contract IS NULL OR no_list(
            contract, '$.coupons') OR no_list(contract, '$.credits') OR no_list(
            contract, '$.allowances'
        )
        OR inexact(contract, '$.discount.rate') OR inexact(contract, '$.minimum') OR inexact(contract, '$.cap')
        OR (json_extract_string(contract, '$.cap') IS NOT NULL AND not_amount(contract, '$.cap'))
        OR undated(contract, '$.discount.valid_from') OR undated(contract, '$.discount.valid_to')
        OR coalesce(len(list_filter(
            coupons, LAMBDA one: not_amount(one, '$.amount') OR inexact(one, '$.amount')
            OR not_date(one, '$.valid_from') OR undated(one, '$.valid_to')
        )) > 0, false)
        OR coalesce(len(list_filter(
            credits, LAMBDA one: not_amount(one, '$.amount') OR inexact(one, '$.amount')
            OR not_date(one, '$.granted_on') OR undated(one, '$.expires_on')
        )) > 0, false)
        OR coalesce(len(list_filter(
            allowances, LAMBDA one: not_amount(one, '$.units') OR inexact(one, '$.units')
            OR json_extract_string(one, '$.meter') IS NULL
            OR coalesce(json_extract_string(one, '$.rollover'), 'none') NOT IN ('none', 'next_period')
            OR (json_extract_string(one, '$.rollover') = 'next_period' AND not_date(one, '$.since'))
        )) > 0, false)
        OR coalesce(
            len(list_filter(overrides, LAMBDA one: inexact(one, '$') OR not_amount(one, '$'))) > 0, false
        ) AS garbled,
        array_to_string(
            other_names(json_keys(
                contract), [
                'discount', 'coupons', 'credits', 'allowances', 'minimum', 'overrides',
                'cap'
            ])
            || other_names(json_keys(contract, '$.discount'), ['rate', 'valid_from', 'valid_to'])
            || other_names(names_of_all(coupons), ['coupon_id', 'amount', 'valid_from', 'valid_to', 'charges'])
            || other_names(names_of_all(credits), ['credit_id', 'amount', 'granted_on', 'expires_on'])
            || other_names(names_of_all(allowances), ['meter', 'units', 'rollover', 'since']), ', '
        ) AS unknown,
        concat_ws(
            ', ',
            CASE WHEN TRY_CAST(json_extract_string(contract, '$.discount.rate') AS rate) NOT BETWEEN 0 AND 1
                    THEN 'discount.rate'
            END,
            CASE WHEN below_zero(contract, '$.minimum') THEN 'minimum' END,
            CASE WHEN below_zero(contract, '$.cap') THEN 'cap' END,
            CASE WHEN len(list_filter(coupons, LAMBDA one: below_zero(one, '$.amount'))) > 0
                    OR repeats(coupons, '$.coupon_id')
                    THEN 'coupons'
            END,
            CASE WHEN len(list_filter(credits, LAMBDA one: below_zero(one, '$.amount'))) > 0
                    OR repeats(credits, '$.credit_id')
                    THEN 'credits'
            END,
            CASE WHEN len(list_filter(allowances, LAMBDA one: below_zero(one, '$.units'))) > 0
                    OR repeats(allowances, '$.meter') THEN 'allowances'
            END
        ) AS unbounded
    FROM listed
)
SELECT
    stated, contract, garbled, unknown, unbounded, coalesce(json_keys(contract, '$.overrides'), []) AS overridden,
    coalesce(json_extract_string(contract, '$.coupons[*].charges[*]'), []) AS coupon_charges,
    json_extract_string(contract, '$.discount.rate') AS rate_text,
    TRY_CAST(json_extract_string(contract, '$.discount.rate') AS rate) AS discount_rate,
    TRY_CAST(json_extract_string(contract, '$.discount.valid_from') AS DATE) AS rate_from,
    TRY_CAST(json_extract_string(contract, '$.discount.valid_to') AS DATE) AS rate_to,
    json_extract_string(contract, '$.minimum') AS minimum_text,
    TRY_CAST(json_extract_string(contract, '$.minimum') AS amount) AS minimum,
    TRY_CAST(json_extract_string(contract, '$.cap') AS amount) AS cap,
    json_extract_string(contract, '$.allowances[*].meter') AS allowed,
    coalesce(list_contains(json_extract_string(contract, '$.allowances[*].rollover'), 'next_period'), false) AS rolls,
    list_transform(
        list_filter(allowances, LAMBDA one: json_extract_string(one, '$.rollover') = 'next_period'),
        LAMBDA one: json_extract_string(one, '$.meter')
    ) AS rolling,
    list_min(list_transform(
        list_filter(credits, LAMBDA one: json_extract_string(one, '$.expires_on') IS NOT NULL),
        LAMBDA one: TRY_CAST(json_extract_string(one, '$.granted_on') AS DATE)
    )) AS prepaid_from
FROM unread
