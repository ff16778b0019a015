"""UN/CEFACT Cross Industry Invoice (EN 16931, every level of ZUGFeRD 2 and Factur-X, XRechnung), and ZUGFeRD 1.

ZUGFeRD 1 has the same tree with other names, so one reader serves both with a vocabulary each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from lxml import etree

from billing_recon.core.document import (
    Adjustment,
    Document,
    DocumentKind,
    DocumentLine,
    DocumentUnreadable,
    TaxSubtotal,
)
from billing_recon.feeds.documents.arithmetic import EXACT, total_of
from billing_recon.feeds.documents.effect import kind_of
from billing_recon.feeds.documents.stated_figures import adjustment, gross_of
from billing_recon.feeds.documents.xml_element import Node, currency_of, figure, iso_date

FORM = "cii"
FORM_1 = "zugferd1"
FAMILIES = (
    "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:",
    "{urn:un:unece:uncefact:data:SCRDMCCBDACIOMessageStructure:",
    "{urn:un:unece:uncefact:data:standard:CBFBUY:",
    "{urn:ferd:CrossIndustryDocument:",
    "{urn:un:unece:uncefact:data:standard:CrossDomainAcknowledgementAndResponse:",
)
"""Prefixes of recognised root tags; VOCABULARIES lists those of invoices that can be read."""

_ANSWER = "CrossDomainAcknowledgementAndResponse"
"""France's message about the life cycle of an invoice: that it was filed, received, approved, refused or paid."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names of one generation. `root` and `parts` are namespaces; the others are element names in `parts`."""

    form: str
    root: str
    parts: str
    context: str = "ExchangedDocumentContext"
    header: str = "ExchangedDocument"
    transaction: str = "SupplyChainTradeTransaction"
    agreement: str = "ApplicableHeaderTradeAgreement"
    settlement: str = "ApplicableHeaderTradeSettlement"
    totals: str = "SpecifiedTradeSettlementHeaderMonetarySummation"
    line_agreement: str = "SpecifiedLineTradeAgreement"
    line_delivery: str = "SpecifiedLineTradeDelivery"
    line_settlement: str = "SpecifiedLineTradeSettlement"
    line_totals: str = "SpecifiedTradeSettlementLineMonetarySummation"
    percent: str = "RateApplicablePercent"
    referenced: str = "IssuerAssignedID"


CII = Vocabulary(
    form=FORM,
    root="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    parts="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
)
ZUGFERD_1 = Vocabulary(
    form=FORM_1,
    root="urn:ferd:CrossIndustryDocument:invoice:1p0",
    parts="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:12",
    context="SpecifiedExchangedDocumentContext",
    header="HeaderExchangedDocument",
    transaction="SpecifiedSupplyChainTradeTransaction",
    agreement="ApplicableSupplyChainTradeAgreement",
    settlement="ApplicableSupplyChainTradeSettlement",
    totals="SpecifiedTradeSettlementMonetarySummation",
    line_agreement="SpecifiedSupplyChainTradeAgreement",
    line_delivery="SpecifiedSupplyChainTradeDelivery",
    line_settlement="SpecifiedSupplyChainTradeSettlement",
    line_totals="SpecifiedTradeSettlementMonetarySummation",
    percent="ApplicablePercent",
    referenced="ID",
)
VOCABULARIES: dict[str, Vocabulary] = {
    f"{{{CII.root}}}CrossIndustryInvoice": CII,
    f"{{{ZUGFERD_1.root}}}CrossIndustryDocument": ZUGFERD_1,
    # ZUGFeRD 1 as first used, before its namespaces were settled: the parts have none.
    "{urn:un:unece:uncefact:data:standard:CBFBUY:5}Invoice": replace(
        ZUGFERD_1, root="urn:un:unece:uncefact:data:standard:CBFBUY:5", parts=""
    ),
}
"""Root tag -> vocabulary: all that `read` accepts."""

_PERIOD = ("ram:BillingSpecifiedPeriod", "ram:StartDateTime", "ram:EndDateTime")
UNSUMMED = ("GROUP", "GRUPPIERUNG", "INFORMATION")
"""Line status reason codes (BT-X-8; the second is ZUGFeRD 2.0's) of lines whose amount is in other lines (BR-FXEXT-CO-10)."""


def read(root: etree._Element, name: str) -> Document:
    """Read the document, without findings. Raise DocumentUnreadable for another message or an invalid figure."""
    words = VOCABULARIES.get(str(root.tag))
    if etree.QName(root).localname == _ANSWER:
        return _answer(root, name)
    if words is None:
        raise DocumentUnreadable(_refusal(root))
    prefixes = {"rsm": words.root, "ram": words.parts}
    settled = f"rsm:{words.transaction}/ram:{words.settlement}"
    stated = root.findtext(f"{settled}/ram:InvoiceCurrencyCode", namespaces=prefixes)
    here = Node(root, prefixes, currency_of(root, stated))
    header, transaction = here.at(f"rsm:{words.header}"), here.at(f"rsm:{words.transaction}")
    settlement, totals = here.at(settled), here.only(f"{settled}/ram:{words.totals}")
    if header is None or transaction is None or settlement is None or totals is None:
        raise DocumentUnreadable(
            f"this {etree.QName(root).localname} lacks its {words.header} or its {words.totals}; "
            "ask the sender for the whole document"
        )
    rates = settlement.all("ram:ApplicableTradeTax")
    code = header.text("ram:TypeCode") or ""
    lines = tuple(_lines(transaction, words))
    start, end = settlement.period(*_PERIOD)
    subtotal = totals.money("ram:LineTotalAmount")
    base = subtotal or total_of(line.amount for line in lines if line.summed and line.amount is not None)
    marks = {
        "test": here.is_true(
            f"rsm:{words.context}/ram:TestIndicator/{{*}}Indicator", f"rsm:{words.context}/ram:TestIndicator"
        ),
        "copy": header.is_true("ram:CopyIndicator/{*}Indicator", "ram:CopyIndicator"),
    }
    buyer = f"ram:{words.agreement}/ram:BuyerTradeParty/"
    return Document(
        file=name,
        format=words.form,
        kind=kind_of(code, otherwise=DocumentKind.INVOICE),
        number=header.text("ram:ID"),
        issued_on=_issue_date(header),
        currency=here.currency,
        seller=_party_name(transaction, f"ram:{words.agreement}/ram:SellerTradeParty/"),
        buyer=_party_name(transaction, buyer),
        customer=transaction.text(f"{buyer}ram:ID", f"{buyer}ram:GlobalID"),
        subtotal=subtotal,
        allowances=totals.money("ram:AllowanceTotalAmount"),
        charges=totals.money("ram:ChargeTotalAmount"),
        tax_exclusive=totals.money("ram:TaxBasisTotalAmount"),
        tax=_tax(totals),
        tax_inclusive=totals.money("ram:GrandTotalAmount"),
        prepaid=totals.money("ram:TotalPrepaidAmount"),
        rounding=totals.money("ram:RoundingAmount"),
        collected=total_of(
            amount
            for part in settlement.all("ram:SpecifiedFinancialAdjustment")
            if (amount := part.money("ram:ActualAmount"))
        ),
        payable=totals.money("ram:DuePayableAmount"),
        lines=lines,
        adjustments=(*_adjustments(settlement, words, base), *_logistics(settlement, words)),
        taxes=tuple(
            TaxSubtotal(
                base=part.money("ram:BasisAmount"),
                amount=part.money("ram:CalculatedAmount"),
                rate=part.figure(f"ram:{words.percent}"),
                category=part.text("ram:CategoryCode"),
            )
            for part in rates
        ),
        references=tuple(
            number
            for part in settlement.all("ram:InvoiceReferencedDocument")
            if (number := part.text(f"ram:{words.referenced}"))
        ),
        totals_only=not rates and totals.at("ram:LineTotalAmount") is None,  # every level but MINIMUM has both
        type_code=code,
        marks=tuple(mark for mark, marked in marks.items() if marked),
        period_start=start,
        period_end=end,
    )


def _answer(root: etree._Element, name: str) -> Document:
    header = Node(root, {"ram": CII.parts}, None).at("{*}ExchangedDocument")
    number, issued = (header.text("ram:ID"), _issue_date(header)) if header is not None else (None, None)
    return Document(name, FORM, DocumentKind.OTHER, number, issued, None)


def _refusal(root: etree._Element) -> str:
    tag = etree.QName(root)
    if tag.localname == "SCRDMCCBDACIOMessageStructure":
        return "an Order-X document is an order, not an invoice; it bills nothing"
    return (
        f"{tag.localname} of '{tag.namespace}' is an unsupported version of the Cross Industry Invoice; "
        "ask the sender for that of EN 16931 (CrossIndustryInvoice:100)"
    )


def _issue_date(header: Node) -> str | None:
    """Return the date from udt:DateTimeString with its format, udt:DateTime, or IssueDateTime itself."""
    issued = header.at("ram:IssueDateTime")
    if issued is None:
        return None
    for found in (*issued.all("{*}DateTimeString"), *issued.all("{*}DateTime"), issued):
        if text := found.own_text():
            return iso_date(text, found.attribute("format"))
    return None


def _party_name(transaction: Node, party: str) -> str | None:
    """Return BT-27 or BT-44, the registered name; else the trading name, else the contact."""
    return transaction.text(
        f"{party}ram:Name",
        f"{party}ram:SpecifiedLegalOrganization/ram:TradingBusinessName",
        f"{party}ram:DefinedTradeContact/ram:PersonName",
    )


def _tax(totals: Node) -> str | None:
    """Return BT-110. A second total may be there in the accounting currency (BT-111), which is another figure."""
    ours = [amount for amount in totals.all("ram:TaxTotalAmount") if amount.in_document_currency()]
    text = ours[0].own_text() if ours else None
    return None if text is None else figure(text, "TaxTotalAmount")


def _lines(transaction: Node, words: Vocabulary) -> Iterator[DocumentLine]:
    about = "ram:AssociatedDocumentLineDocument/ram:"
    for position, item in enumerate(transaction.all("ram:IncludedSupplyChainTradeLineItem"), start=1):
        price, base = _price(item, f"ram:{words.line_agreement}/ram:")
        quantity = item.figure(f"ram:{words.line_delivery}/ram:BilledQuantity")
        settlement = item.at(f"ram:{words.line_settlement}") or item
        start, end = settlement.period(*_PERIOD)
        yield DocumentLine(
            line_no=item.text(f"{about}LineID") or str(position),
            description=item.text(
                "ram:SpecifiedTradeProduct/ram:Name",
                "ram:SpecifiedTradeProduct/ram:Description",
                f"{about}IncludedNote/ram:Content",
            ),
            quantity=quantity,
            base_quantity=base,
            unit_price=price,
            amount=item.money(f"ram:{words.line_settlement}/ram:{words.line_totals}/ram:LineTotalAmount"),
            tax_rate=item.figure(f"ram:{words.line_settlement}/ram:ApplicableTradeTax/ram:{words.percent}"),
            adjustments=_adjustments(settlement, words, gross_of(quantity, price, base)),
            summed=(item.text(f"{about}LineStatusReasonCode") or "").upper() not in UNSUMMED,
            tax=item.money(f"ram:{words.line_settlement}/ram:ApplicableTradeTax/ram:CalculatedAmount"),
            object_id=_object_of(settlement, words),
            period_start=start,
            period_end=end,
        )


def _price(item: Node, agreement: str) -> tuple[str | None, str | None]:
    """Return the net price (BT-146) and the base quantity stated with it (BT-149).

    Without a net price, it is the gross price less its allowance (or plus its charge), in exact decimals.
    """
    net, gross = item.at(f"{agreement}NetPriceProductTradePrice"), item.at(f"{agreement}GrossPriceProductTradePrice")
    if net is not None and (price := net.money("ram:ChargeAmount")) is not None:
        return price, net.figure("ram:BasisQuantity")
    stated = gross.money("ram:ChargeAmount") if gross is not None else None
    if gross is None or stated is None:
        return None, None
    net_price = Decimal(stated)
    for part in gross.all("ram:AppliedTradeAllowanceCharge"):
        amount = Decimal(part.money("ram:ActualAmount") or "0")
        net_price = EXACT.add(net_price, amount if _is_charge(part) else -amount)
    return f"{net_price:f}", gross.figure("ram:BasisQuantity")


def _object_of(settlement: Node, words: Vocabulary) -> str | None:
    """BT-128: the line's referenced document of type 130."""
    references = settlement.all("ram:AdditionalReferencedDocument")
    found = (part.text(f"ram:{words.referenced}") for part in references if part.text("ram:TypeCode") == "130")
    return next(found, None)


def _is_charge(part: Node) -> bool:
    """Return the indicator's value; its namespace differs between generations."""
    return part.is_true("ram:ChargeIndicator/{*}Indicator", "ram:ChargeIndicator")


def _adjustments(settlement: Node, words: Vocabulary, base: str | None) -> tuple[Adjustment, ...]:
    """Return allowances and charges. One with a percentage and no amount is computed, from its own base or else `base`."""
    return tuple(
        found
        for part in settlement.all("ram:SpecifiedTradeAllowanceCharge")
        if (
            found := adjustment(
                charge=_is_charge(part),
                amount=part.money("ram:ActualAmount"),
                percent=part.figure("ram:CalculationPercent"),
                base=part.money("ram:BasisAmount") or base,
                reason=part.text("ram:Reason", "ram:ReasonCode"),
                tax_rate=part.figure(f"ram:CategoryTradeTax/ram:{words.percent}"),
            )
        )
    )


def _logistics(settlement: Node, words: Vocabulary) -> tuple[Adjustment, ...]:
    """Return freight and packing (ZUGFeRD 1, EXTENDED): charges with their own element, part of the total of charges."""
    return tuple(
        Adjustment(
            charge=True,
            amount=amount,
            reason=part.text("ram:Description"),
            tax_rate=part.figure(f"ram:AppliedTradeTax/ram:{words.percent}"),
        )
        for part in settlement.all("ram:SpecifiedLogisticsServiceCharge")
        if (amount := part.money("ram:AppliedAmount"))
    )
