"""Macros for what several relations share, called by name. A table macro takes its table as an argument."""

from __future__ import annotations

from billing_recon.core.reason import STAGE_CODES

_CODES = ", ".join(f"'{code.value}'" for codes in STAGE_CODES.values() for code in codes)

FRAGMENTS: tuple[str, ...] = (
    # The place of a reason code in the order of the stages (core.reason.STAGE_CODES), from 1.
    f"CREATE MACRO stage_place(code) AS list_position([{_CODES}], code)",
    # Whether an account of this role makes a journal one that settles (moves money, or gives up a receivable): it books no sale.
    "CREATE MACRO settles(role) AS role IN ('cash', 'fees', 'refund', 'write_off')",
    # What an invoice line adds to the content hash of its invoice: sums of it are equal for equal lines in any order, and for
    # others once in 2^64.
    "CREATE MACRO line_hash(line_id, figure) AS hash(line_id, CAST(coalesce(figure, 0) AS amount))",
    # A prorated charge and a whole one are the same charge: which of the two it is may be the very difference.
    "CREATE MACRO charge_family(kind) AS CASE WHEN kind = 'proration' THEN 'subscription' ELSE kind END",
    # Cohort and engine of a rollout as one text, which follows a bill through every pair.
    "CREATE MACRO in_group(cohort, variant) AS CASE WHEN variant = 'candidate' THEN cohort || chr(31) || variant ELSE cohort END",
    "CREATE MACRO cohort_of(called) AS split_part(called, chr(31), 1)",
    "CREATE MACRO engine_of(called) AS CASE WHEN contains(called, chr(31)) THEN 'candidate' ELSE 'control' END",
    # How much two figures that differ, or of which only one is there, count towards the unlikeness of two lines.
    "CREATE MACRO apart(one, other, weight) AS CASE WHEN one IS NOT DISTINCT FROM other THEN 0 ELSE weight END",
    # Whether the larger figures are the smaller ones times 100 or 1000, in gross and total. Either side may have been settled after
    # it was scaled: then a gross of ten minor units or more is off by less than one, and a total by that of its tax as well. A line
    # without a gross (a tax, a credit) is held to its total in the place of the gross, and a figure of 0 shows no unit.
    # Scaling down cannot overflow.
    "CREATE MACRO in_hundreds(total, small, larger_total, large, unit) AS small <> 0 AND list_bool_or(list_transform("
    "[CAST(0.01 AS rate), CAST(0.001 AS rate)], LAMBDA part: "
    "abs(total - apply_rate(larger_total, part)) < unit + unit AND (small = apply_rate(large, part) "
    "OR (abs(small - apply_rate(large, part)) < unit AND apply_rate(abs(small), 0.1) >= unit))))",
    "CREATE MACRO times_hundred(total, gross, larger_total, larger_gross, unit) AS "
    "in_hundreds(total, CASE WHEN gross = 0 THEN total ELSE gross END, larger_total, "
    "CASE WHEN gross = 0 AND larger_gross = 0 THEN larger_total ELSE larger_gross END, unit)",
    # The same times 10, 100 or 1000; 10 only to the cent, since figures that differ so little may do so by chance.
    "CREATE MACRO times_ten(total, gross, larger_total, larger_gross, unit) AS "
    "(total = apply_rate(larger_total, 0.1) AND gross = apply_rate(larger_gross, 0.1)) "
    "OR times_hundred(total, gross, larger_total, larger_gross, unit)",
    # The reason code of a settled figure that is not what settling `exact` gives: ROUNDING where it is settled in another way, or
    # at fewer decimals (two where the currency has more, none where it has two); MINOR_UNIT where it is not settled at all,
    # `otherwise` where it is another figure.
    "CREATE MACRO settling_code(exact, settled, decimals, otherwise) AS "
    "CASE WHEN coalesce(abs(exact - settled) < minor_unit(decimals), false) "
    "THEN CASE WHEN settled % minor_unit(decimals) = 0 THEN 'ROUNDING' ELSE 'MINOR_UNIT' END "
    "WHEN decimals > 2 AND settled % minor_unit(2) = 0 AND abs(exact - settled) < minor_unit(2) THEN 'ROUNDING' "
    "WHEN decimals = 2 AND settled <> 0 AND settled % minor_unit(0) = 0 "
    "AND abs(exact - settled) + abs(exact - settled) <= minor_unit(0) THEN 'ROUNDING' ELSE otherwise END",
    # What a line that only takes off is: the most that an invoice may come to, or a coupon.
    "CREATE MACRO deduction_code(meter) AS CASE WHEN meter IN ('cap', 'maximum') THEN 'CAP' ELSE 'DISCOUNT_VALUE' END",
    # Minimums, discounts and credits are computed from the lines before them, in this order; charges come first.
    "CREATE MACRO dependence(kind) AS CASE kind WHEN 'minimum' THEN 1 WHEN 'discount' THEN 2 WHEN 'credit' THEN 3 ELSE 0 END",
    # Whether two or three of so many possible faults prove anything by adding up to a difference: their sums lie within two
    # or three times the largest (in minor units), and at most one in fifty of the figures there may be such a sum.
    "CREATE MACRO proves(differences, faults, largest) AS CASE differences "
    "WHEN 2 THEN faults * (faults - 1) * 25 <= largest + largest "
    "ELSE faults * (faults - 1) * (faults - 2) * 25 <= largest * 9 END",
    # Whether a summary posting is over an invoice: one that states its invoices over these, any other over the open invoices
    # of its days (of its customer, if it has one).
    "CREATE MACRO in_batch(stated, journal_id, scope, first_day, last_day, stated_in, is_open, customer_id, issued_on) AS "
    "CASE WHEN stated THEN coalesce(stated_in = journal_id, false) ELSE is_open AND issued_on >= first_day "
    "AND issued_on <= last_day AND scope IN ('', customer_id) END",
    # Hashes of the keys that `deliveries` has on more than one day; landing lets a key through once a day. `key_hash` is the hash
    # of its key columns: hash(payment_id). Often one day has most of the rows (a month's invoices), so its keys are compared with
    # those of all other days, and only the others among themselves. Hashes, since nearly no key repeats and texts are slow to
    # compare: a caller must expect a key whose hash equals another's by chance.
    """CREATE MACRO delivered_again(deliveries, key_hash) AS TABLE
WITH days AS (
    SELECT day, row_number() OVER (ORDER BY count(*) DESC, day) AS place FROM query_table(deliveries) GROUP BY day
),
others AS NOT MATERIALIZED (
    SELECT key_hash AS key FROM query_table(deliveries) SEMI JOIN (SELECT day FROM days WHERE place > 1) AS later USING (day)
)
SELECT key_hash AS key
FROM query_table(deliveries)
SEMI JOIN (SELECT day FROM days WHERE place = 1) AS fullest USING (day)
SEMI JOIN others ON others.key = key_hash
UNION ALL
SELECT key FROM others GROUP BY key HAVING count(*) > 1""",
)
"""Created on every connection, after the types and money macros (compute.definitions)."""
