"""Each shipped preset lands the columns that its report really has, with amounts and direction right."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from billing_recon_tests.feeds.desk import Desk

pytestmark = pytest.mark.long

REPORTS: dict[str, tuple[str, str, str, list[tuple[str, ...]]]] = {
    "stripe-balance": (
        "payments",
        "balance_transaction_id,created_utc,created,available_on,currency,gross,fee,net,reporting_category,source_id,description,"
        "customer_id,charge_id,invoice_id,invoice_number\n"
        "txn_1,2026-03-02 10:00:00,2026-03-02 11:00:00,,eur,119.00,3.20,115.80,charge,ch_1,d,cus_1,ch_1,in_1,A-1\n"
        "txn_2,2026-03-02 11:00:00,,,eur,-19.00,0.00,-19.00,refund,re_1,d,cus_1,ch_1,,\n"
        "txn_3,2026-03-02 12:00:00,,,eur,-100.00,15.00,-115.00,dispute,dp_1,d,cus_1,ch_1,in_1,A-1\n"
        "txn_4,2026-03-02 13:00:00,,,eur,-500.00,0.00,-500.00,payout,po_1,d,,,,\n",
        "payment_id, kind, invoice_id, CAST(amount AS DECIMAL(9,2))::VARCHAR, currency",
        [
            ("txn_1", "payment", "A-1", "119.00", "EUR"),
            ("txn_2", "refund", None, "19.00", "EUR"),
            ("txn_3", "chargeback", "A-1", "100.00", "EUR"),
        ],
    ),
    "stripe-invoices": (
        "invoice_lines",
        "id,Amount Due,Billing,Currency,Customer,Date (UTC),Due Date (UTC),Number,Paid,Subscription,Subtotal,Total Discount Amount,"
        "Tax,Tax Percent,Total,Amount Paid,Status,Minimum Line Item Period Start (UTC),Maximum Line Item Period End (UTC)\n"
        "in_1,107.10,charge_automatically,eur,cus_1,2026-03-02 09:00,,A-1,true,sub_1,100.00,10.00,17.10,19.0,107.10,107.10,paid,"
        "2026-02-01 00:00,2026-03-01 00:00\n"
        "in_2,5.00,charge_automatically,eur,cus_1,2026-03-02 09:00,,,false,sub_1,5.00,,,,5.00,0.00,draft,,\n",
        "invoice_id, status, CAST(taxable AS DECIMAL(9,2))::VARCHAR, CAST(tax AS DECIMAL(9,2))::VARCHAR, period_end::VARCHAR",
        [("A-1", "issued", "90.00", "17.10", "2026-03-01"), ("in_2", "draft", "5.00", "0.00", "2026-03-03")],
    ),
    "adyen-settlement": (
        "payments",
        "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,Modification "
        "Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),"
        "Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number\n"
        "A,M,P1,A-1,visa,2026-03-02 00:30:00,CET,Settled,M1,EUR,,119.00,1,EUR,,117.50,,0.60,0.40,0.50,12\n"
        "A,M,P1,A-1,visa,2026-03-02 10:30:00,CET,Refunded,M2,EUR,19.00,,1,EUR,19.00,,,,,,12\n"
        "A,M,,,,2026-03-02 10:30:00,CET,MerchantPayout,,EUR,,,,EUR,98.50,,,,,,12\n",
        "payment_id, kind, CAST(amount AS DECIMAL(9,2))::VARCHAR, CAST(fee AS DECIMAL(9,2))::VARCHAR, "
        "CAST(processed_at AT TIME ZONE 'UTC' AS VARCHAR)",
        [
            ("M1/Settled", "payment", "119.00", "1.50", "2026-03-01 23:30:00"),
            ("M2/Refunded", "refund", "19.00", "0.00", "2026-03-02 09:30:00"),
        ],
    ),
    "paypal": (
        "payments",
        '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net","From Email Address","To Email Address",'
        '"Transaction ID","Invoice Number","Reference Txn ID","Balance Impact"\n'
        '"03/02/2026","08:00:00","PST","Acorn","Express Checkout Payment","Completed","USD","1,119.00","-32.75","1,086.25","a@b.c",'
        '"us@x.y","T1","A-1","","Credit"\n'
        '"03/02/2026","09:00:00","PST","Acorn","Payment Refund","Completed","USD","-19.00","0.30","-18.70","us@x.y","a@b.c","T2","A-1",'
        '"T1","Debit"\n'
        '"03/02/2026","10:00:00","PST","","General Withdrawal","Completed","USD","-900.00","0.00","-900.00","","","T3","","","Debit"\n'
        '"03/02/2026","11:00:00","PST","Host","Express Checkout Payment","Completed","USD","-50.00","0.00","-50.00","us@x.y","h@h.h",'
        '"T4","","","Debit"\n'  # the company's own payment to a supplier
        '"03/02/2026","11:00:00","PST","Elm","General Authorization","Pending","USD","7.00","0.00","7.00","e@b.c","us@x.y","T5","","",'
        '"Memo"\n',
        "payment_id, kind, customer_id, CAST(amount AS DECIMAL(9,2))::VARCHAR, CAST(fee AS DECIMAL(9,2))::VARCHAR, "
        "CAST(processed_at AT TIME ZONE 'UTC' AS VARCHAR)",
        [
            ("T1", "payment", "a@b.c", "1119.00", "32.75", "2026-03-02 16:00:00"),
            ("T2", "refund", "a@b.c", "19.00", "0.30", "2026-03-02 17:00:00"),
        ],
    ),
    "lago-invoices": (
        "invoice_lines",
        "invoice_lago_id,invoice_number,invoice_issuing_date,fee_lago_id,fee_item_type,fee_item_code,fee_item_name,"
        "subscription_external_id,subscription_plan_code,fee_from_date_utc,fee_to_date_utc,fee_amount_currency,fee_units,"
        "fee_precise_unit_amount,fee_taxes_amount_cents,fee_total_amount_cents\n"
        "l1,LAG-1,2026-03-02,f1,charge,calls,Calls,S-1,pro,2026-02-01T00:00:00+00:00,2026-02-28T23:59:59+00:00,EUR,100.0,0.5,950,5950\n"
        "l1,LAG-1,2026-03-02,f2,subscription,pro,Pro,S-1,pro,2026-03-01T00:00:00+00:00,2026-03-31T23:59:59+00:00,JPY,1.0,300,0,300\n",
        "line_id, kind, CAST(gross AS DECIMAL(9,2))::VARCHAR, CAST(total AS DECIMAL(9,2))::VARCHAR, period_start::VARCHAR",
        [("f1", "usage", "50.00", "59.50", "2026-02-01"), ("f2", "subscription", "300.00", "300.00", "2026-03-01")],
    ),
    "chargebee-invoices": (
        "invoice_lines",
        "Invoice Number,Customer Id,Subscription Id,Invoice Date,Status,Currency,Line Item Id,Line Item Date From,Line Item Date To,"
        "Line Item Entity Type,Line Item Entity Id,Line Item Description,Line Item Unit Amount,Line Item Quantity,Line Item Amount,"
        "Line Item Discount Amount,Line Item Tax Rate,Line Item Tax Amount\n"
        "CB-1,C-1,S-1,02-Mar-2026 10:15,Paid,EUR,li_1,01-Mar-2026 00:00,31-Mar-2026 23:59,plan_item_price,pro,Pro,50.00,2,100.00,"
        "10.00,19,17.10\n",
        "invoice_id, kind, CAST(taxable AS DECIMAL(9,2))::VARCHAR, CAST(total AS DECIMAL(9,2))::VARCHAR, issued_on::VARCHAR, "
        "period_end::VARCHAR",
        [("CB-1", "subscription", "90.00", "107.10", "2026-03-02", "2026-04-01")],
    ),
    "recurly-adjustments": (
        "invoice_lines",
        "uuid,account_code,subscription_id,invoice_id,adjustment_status,adjustment_type,adjustment_created_at,adjustment_start_at,"
        "adjustment_end_at,adjustment_quantity,adjustment_currency,adjustment_amount,adjustment_total,adjustment_discount,"
        "adjustment_tax,adjustment_origin,tax_rate,invoice_number,invoice_state,invoice_billed_date,invoice_type,adjustment_plan_code\n"
        "u1,A,S,i,invoiced,charge,2026-03-02 01:00:00 PST,2026-03-02 01:00:00 PST,2026-04-02 01:00:00 PDT,2,EUR,50.00,107.10,10.00,"
        "17.10,plan,0.19,1001,past_due,2026-03-02 01:00:00 PST,purchase,gold\n"
        "u2,A,S,i,invoiced,charge,2026-03-02 01:00:00 PST,2026-03-02 01:00:00 PST,,1,EUR,5.00,5.00,,,debit,,1001,past_due,"
        "2026-03-02 01:00:00 PST,purchase,\n"
        "u3,A,S,i,invoiced,credit,2026-03-02 01:00:00 PST,2026-03-02 01:00:00 PST,2026-04-02 01:00:00 PDT,1,EUR,-5.00,-5.95,,-0.95,"
        "plan,0.19,1002,paid,2026-03-02 01:00:00 PST,refund,gold\n"
        "u4,A,,,pending,charge,2026-03-02 01:00:00 PST,,,1,EUR,5.00,5.00,,,debit,,,,,,\n"
        "u5,A,S,i,invoiced,charge,2026-03-02 01:00:00 PST,,,1,EUR,9.00,9.00,,,carryforward,,1001,paid,2026-03-02 01:00:00 PST,purchase,\n",
        "line_id, invoice_id, kind, CAST(taxable AS DECIMAL(9,2))::VARCHAR, CAST(total AS DECIMAL(9,2))::VARCHAR, period_end::VARCHAR, "
        "invoice_kind, status",
        [
            ("u1", "1001", "subscription", "90.00", "107.10", "2026-04-02", "invoice", "issued"),
            ("u2", "1001", "adjustment", "5.00", "5.00", "2026-03-03", "invoice", "issued"),
            ("u3", "1002", "subscription", "-5.00", "-5.95", "2026-04-02", "credit_note", "issued"),
        ],
    ),
    "oci-cost": (
        "invoice_lines",
        "lineItem/referenceNo,lineItem/tenantId,lineItem/intervalUsageStart,lineItem/intervalUsageEnd,product/service,"
        "product/compartmentId,product/region,usage/billedQuantity,cost/subscriptionId,cost/productSku,product/Description,"
        "cost/unitPrice,cost/myCost,cost/currencyCode,lineItem/isCorrection,lineItem/backreferenceNo,tags/env\n"
        "V1,t1,2026-03-02T08:00Z,2026-03-02T09:00Z,COMPUTE,c,eu,0.0266666666666667,77,B88,x,0.0015,0.00004000000000000005,EUR,false,,\n",
        "line_id, quantity::VARCHAR, total::VARCHAR, issued_on::VARCHAR",
        [("V1", "0.0266666667", "0.000040000000", "2026-03-02")],
    ),
    "azure-ea": (
        "invoice_lines",
        "BillingAccountId,BillingPeriodStartDate,BillingPeriodEndDate,SubscriptionId,Date,Product,MeterId,MeterCategory,Quantity,"
        "EffectivePrice,Cost,UnitPrice,BillingCurrency,ResourceId,ChargeType,PricingModel\n"
        "861,03/01/2026,03/31/2026,sub1,03/02/2026,VM,m1,Virtual Machines,24,0.0116,0.2784,0.0116,USD,/r,Usage,OnDemand\n",
        "kind, total::VARCHAR, issued_on::VARCHAR, period_end::VARCHAR, plan_id, currency",
        [("usage", "0.278400000000", "2026-03-02", "2026-04-01", "Virtual Machines", "USD")],
    ),
    "azure-mca": (
        "invoice_lines",
        "invoiceId,billingAccountId,billingPeriodEndDate,billingPeriodStartDate,date,meterId,meterCategory,SubscriptionId,effectivePrice,"
        "quantity,chargeType,billingCurrency,pricingCurrency,costInBillingCurrency,costInPricingCurrency\n"
        "G1,ba,03/31/2026,03/01/2026,03/02/2026,m1,Virtual Machines,sub1,0.0116,24,Usage,EUR,USD,0.25056,0.2784\n"
        "G1,ba,03/31/2026,03/01/2026,03/02/2026,m2,Storage,sub1,0.5,2,Usage,EUR,EUR,1,1\n",
        "meter, kind, total::VARCHAR, issued_on::VARCHAR, period_end::VARCHAR, invoice_id, unit_price::VARCHAR, currency",
        [
            ("m1", "usage", "0.250560000000", "2026-03-02", "2026-04-01", "G1", None, "EUR"),
            ("m2", "usage", "1.000000000000", "2026-03-02", "2026-04-01", "G1", "0.500000000000", "EUR"),
        ],
    ),
}


def test_every_preset_reads_its_report(tmp_path: Path) -> None:
    """One landing per preset: what is accepted is exactly what the report says, and nothing is quarantined."""
    wrong = {}
    for preset, (table, report, columns, expected) in REPORTS.items():
        home = tmp_path / preset
        home.mkdir()
        desk = Desk(home, feeds={table: {"preset": preset, "path": "report_{day}.csv"}})
        (home / "report_2026-03-02.csv").write_text(report)
        landed = desk.land(table, date(2026, 3, 2))
        found = desk.rows(columns)
        if landed.quarantined or found != expected:
            wrong[preset] = (landed.message, found, desk.messages())
    assert not wrong


def test_charges_that_differ_in_any_column_are_charges_of_their_own(tmp_path: Path) -> None:
    """FOCUS numbers no charges: what is said of them, in columns of any version or provider, tells them apart."""
    common = "A,2026-02-01T00:00:00Z,2026-03-01T00:00:00Z,2026-02-03T00:00:00Z,2026-02-03T01:00:00Z,Usage,1,1.50,USD"
    rows = [f"{common},m1,{{}}", f"{common},m2,{{}}", f"{common},m1,x", f"{common},m1,x"]
    head = (
        "BillingAccountId,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,PricingQuantity,"
        "BilledCost,BillingCurrency,SkuMeter,x_Operation"
    )
    desk = Desk(tmp_path, feeds={"invoice_lines": {"preset": "focus-1", "path": "f.csv", "day_column": "issued_on"}})
    (tmp_path / "f.csv").write_text("\n".join([head, *rows, ""]))
    report = desk.land("invoice_lines", date(2026, 3, 1))
    assert (report.accepted, report.duplicates) == (3, 1)
    assert desk.rows("sum(total)::VARCHAR, count(DISTINCT line_id)") == [("4.500000000000", 3)]


def test_a_status_that_a_report_may_invent_is_not_taken_for_issued(tmp_path: Path) -> None:
    head, row, _ = REPORTS["stripe-invoices"][1].split("\n", 2)
    desk = Desk(tmp_path, feeds={"invoice_lines": {"preset": "stripe-invoices"}})
    states = ("open", "uncollectible", "void", "deleted", "amended")
    rows = [row.replace(",paid,", f",{state},").replace("A-1", f"A-{n}") for n, state in enumerate(states)]
    desk.put("\n".join([head, *rows, ""]), "invoice_lines")
    desk.land("invoice_lines")
    assert desk.rows("invoice_id, status") == [("A-0", "issued"), ("A-1", "issued"), ("A-2", "void"), ("A-3", "void")]
    assert desk.quarantined("reason, field") == [("NOT_ALLOWED", "status")]


def test_a_time_in_utc_stays_in_utc_whatever_the_feeds_timezone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, feeds={"payments": {"preset": "stripe-balance", "timezone": "Europe/Berlin"}})
    head, row, _ = REPORTS["stripe-balance"][1].split("\n", 2)
    desk.put("\n".join([head, row, row.replace("txn_1,2026-03-02 10:00:00", "txn_2,"), ""]))
    desk.land()
    assert desk.rows("payment_id, CAST(processed_at AT TIME ZONE 'UTC' AS VARCHAR)") == [
        ("txn_1", "2026-03-02 10:00:00"),
        ("txn_2", "2026-03-02 10:00:00"),  # its local time is 11:00
    ]


PAYPAL = (
    "Date,Time,Time Zone,Type,Status,Currency,Gross,From Email Address,Transaction ID\n"
    "03/02/2026,08:00:00,{zone},Mass Payment,{status},USD,10.00,a@b.c,T1\n"
)


def test_paypal_rows_in_another_time_zone_or_of_an_unknown_status_are_set_aside(tmp_path: Path) -> None:
    """Nobody is told at 08:00 in Berlin that it is 17:00, and nobody counts money whose state the report does not say."""
    found = {}
    for zone, status in (("PST", "Completed"), ("CET", "Completed"), ("PST", "Something"), ("PST", "Canceled")):
        desk = Desk(tmp_path, feeds={"payments": {"preset": "paypal"}})
        desk.put(PAYPAL.format(zone=zone, status=status))
        desk.land()
        found[zone, status] = desk.rows("status"), desk.quarantined("reason, field")
    assert found == {
        ("PST", "Completed"): ([("succeeded",)], []),
        ("CET", "Completed"): ([], [("TABLE_RULE", None)]),
        ("PST", "Something"): ([], [("NOT_ALLOWED", "status")]),
        ("PST", "Canceled"): ([("failed",)], []),
    }
    desk = Desk(tmp_path, feeds={"payments": {"preset": "paypal", "timezone": "Europe/Berlin", "set_aside": {}}})
    desk.put(PAYPAL.format(zone="CET", status="Completed"))
    desk.land()
    assert desk.rows("CAST(processed_at AT TIME ZONE 'UTC' AS VARCHAR)") == [("2026-03-02 07:00:00",)]


def test_oci_reports_name_their_hours_with_or_without_seconds(tmp_path: Path) -> None:
    rows = "lineItem/referenceNo,lineItem/tenantId,lineItem/intervalUsageStart,lineItem/intervalUsageEnd,product/service,usage/billedQuantity\n"
    rows += "V1,t1,2026-03-02T08:00Z,2026-03-02T09:00Z,COMPUTE,1\nV2,t1,2026-03-02T08:00:00.000Z,2026-03-02T09:00:00Z,COMPUTE,1\n"
    desk = Desk(tmp_path, feeds={"usage_events": {"preset": "oci-cost"}})
    desk.put(rows, "usage_events")
    desk.land("usage_events")
    assert desk.rows("event_id, CAST(event_time AT TIME ZONE 'UTC' AS VARCHAR)") == [
        ("V1", "2026-03-02 08:00:00"),
        ("V2", "2026-03-02 08:00:00"),
    ]


IN_STRIPE, IN_ADYEN, IN_PAYPAL = (
    REPORTS[name][1].split("\n", 1)[0] for name in ("stripe-balance", "adyen-settlement", "paypal")
)


@pytest.mark.parametrize(
    ("preset", "header", "rows", "taken", "unknown", "left_out"),
    [
        (
            "stripe-balance",
            IN_STRIPE,
            [
                "txn_1,2026-03-02 10:00:00,,,eur,119.00,3.20,115.80,charge,ch_1,d,cus_1,ch_1,,",
                "txn_2,2026-03-02 10:00:00,,,eur,-7.00,0,-7.00,other_adjustment,x,d,,,,",
                "txn_3,2026-03-02 10:00:00,,,eur,8.00,0,8.00,charge_of_2031,x,d,cus_1,,,",
                "txn_4,2026-03-02 10:00:00,,,eur,-2.00,0,-2.00,network_cost,x,d,,,,",
                "txn_5,2026-03-02 10:00:00,,,eur,-500.00,0,-500.00,payout,x,d,,,,",
            ],
            ["txn_1"],
            ["'other_adjustment'", "'charge_of_2031'"],
            2,
        ),
        (
            "adyen-settlement",
            IN_ADYEN,
            [
                "A,M,P1,A-1,visa,2026-03-02 10:30:00,CET,SettledInInstallments,M1,EUR,,119.00,1,EUR,,117.50,,,,,12",
                "A,M,P2,A-2,visa,2026-03-02 10:30:00,CET,SettledOnTheMoon,M2,EUR,,50.00,1,EUR,,50.00,,,,,12",
                "A,M,,,,2026-03-02 10:30:00,CET,Fee,Transaction Fees,EUR,,,,EUR,4.20,,,,,,12",
                "A,M,,,,2026-03-02 10:30:00,CET,Balancetransfer,,EUR,,,,EUR,4.20,,,,,,12",
            ],
            ["M1/SettledInInstallments"],
            ["'SettledOnTheMoon'"],
            2,
        ),
        (
            "paypal",
            IN_PAYPAL,
            [
                '"03/02/2026","08:00:00","PST","Guest","Direct Credit Card Payment","Completed","USD","40.00","-1.50","38.50","","us@x.y","T1","","","Credit"',
                '"03/02/2026","08:00:00","PST","","Adjustment by PayPal","Completed","USD","9.00","0.00","9.00","","","T2","","","Credit"',
                '"03/02/2026","08:00:00","PST","","General Withdrawal","Completed","USD","-90.00","0.00","-90.00","","","T3","","","Debit"',
            ],
            ["T1"],
            ["'Adjustment by PayPal'"],
            1,
        ),
    ],
)  # fmt: skip
def test_money_of_a_kind_that_a_preset_does_not_know_is_quarantined_by_its_name(
    tmp_path: Path, preset: str, header: str, rows: list[str], taken: list[str], unknown: list[str], left_out: int
) -> None:
    desk = Desk(tmp_path, feeds={"payments": {"preset": preset}})
    desk.put("\n".join([header, *rows, ""]))
    report = desk.land()
    assert [row[0] for row in desk.rows("payment_id")] == taken, desk.messages()
    assert [kind for kind in unknown if any(kind in says for says in desk.messages())] == unknown, desk.messages()
    assert (report.quarantined, report.left_out) == (len(unknown), left_out)


def test_paypal_in_another_countrys_figures_is_read_by_the_declared_marks(tmp_path: Path) -> None:
    """1.119,00 in a German download was 1.119 and its fee of 32,75 was 3,275."""
    german = {"preset": "paypal", "timezone": "Europe/Berlin", "set_aside": {}, "dates": ["%d.%m.%Y %H:%M:%S"]}
    desk = Desk(tmp_path, feeds={"payments": {**german, "decimal_mark": ",", "thousands_mark": "."}})
    row = '"02.03.2026","08:00:00","CET","N","{}","Completed","EUR","{}","{}","0","a@b.c","us@x.y","{}","A-1","","{}"'
    rows = [
        row.format("Website Payment", "1.119,00", "-32,75", "T1", "Credit"),
        row.format("Payment Refund", "-19,00", "0,30", "T2", "Debit"),
        row.format("Payment Review Release", "7,00", "0,00", "T3", "Credit"),
    ]
    desk.put("\n".join([IN_PAYPAL, *rows, ""]))
    report = desk.land()
    assert desk.rows("payment_id, kind, CAST(amount AS DECIMAL(9,2))::VARCHAR, CAST(fee AS DECIMAL(9,2))::VARCHAR") == [
        ("T1", "payment", "1119.00", "32.75"),
        ("T2", "refund", "19.00", "0.30"),
    ]
    assert report.left_out == 1, "money that was held comes back: it is no payment"


def test_a_zero_in_the_other_column_of_gross_is_no_amount(tmp_path: Path) -> None:
    """Programs that copy Adyen's report fill its empty columns with zeros."""
    desk = Desk(tmp_path, feeds={"payments": {"preset": "adyen-settlement"}})
    row = "A,M,P{n},A-1,visa,2026-03-02 10:30:00,CET,{type},M{n},EUR,{debit},{credit},1,EUR,,,,,,,12"
    cases = [
        ("Settled", "0.00", "150.00"), ("Refunded", "50.00", "0.00"), ("Chargeback", "100.00", "0"), ("Settled", "7.00", "8.00"),
        ("Settled", "0", "0.00"), ("Refunded", "9.00", "x"), ("Settled", "", "5.00"), ("Refunded", "6.00", ""), ("Settled", "", ""),
    ]  # fmt: skip
    rows = [row.format(n=n, type=kind, debit=debit, credit=credit) for n, (kind, debit, credit) in enumerate(cases)]
    desk.put("\n".join([IN_ADYEN, *rows, ""]))
    report = desk.land()
    assert report.equation_holds
    assert desk.rows("payment_id, CAST(amount AS DECIMAL(9,2))::VARCHAR") == [
        ("M0/Settled", "150.00"), ("M1/Refunded", "50.00"), ("M2/Chargeback", "100.00"), ("M4/Settled", "0.00"),
        ("M6/Settled", "5.00"), ("M7/Refunded", "6.00"),
    ]  # fmt: skip
    assert [row for row, *_ in desk.quarantined()] == [4, 6, 9]
    assert "has an amount as gross credit and another as gross debit" in desk.messages()[0]


def test_short_names_of_zones_are_those_that_adyen_means(tmp_path: Path) -> None:
    """BST is the summer time of London in Adyen's reports, not Bangladesh's."""
    desk = Desk(tmp_path, feeds={"payments": {"preset": "adyen-settlement"}})
    row = "A,M,P{n},A-1,visa,2026-06-01 {at},{zone},Settled,M{n},EUR,,1.00,1,EUR,,1.00,,,,,12"
    zones = {"BST": "11:30:00", "CEST": "12:30:00", "PDT": "03:30:00", "UTC": "10:30:00", "XYZ": "10:30:00"}
    rows = [row.format(n=n, at=at, zone=zone) for n, (zone, at) in enumerate(zones.items())]
    desk.put("\n".join([IN_ADYEN, *rows, ""]), name="2026-06-01.csv")
    report = desk.land(day=date(2026, 6, 1))
    assert desk.rows("DISTINCT CAST(processed_at AT TIME ZONE 'UTC' AS VARCHAR), count(*) OVER ()") == [
        ("2026-06-01 10:30:00", 4)
    ]
    assert report.quarantined == 1
