"""Simplified FatturaPA (FSM10): one Document per body. Its lines state amounts with tax, and of the tax its amount, its rate or both.

| Document | FatturaElettronicaSemplificata |
|---|---|
| type_code, number, issued_on, currency | TipoDocumento (TD07, TD08, TD09), Numero, Data, Divisa |
| lines | DatiBeniServizi: Importo less the tax; the tax is Imposta, or else what Aliquota takes out of Importo, to the cent |
| tax_inclusive | the sum of Importo |
| references | NumeroFR of DatiFatturaRettificata |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.document import Document, DocumentKind, DocumentLine, DocumentUnreadable, TaxSubtotal
from billing_recon.feeds.documents.arithmetic import EXACT, total_of
from billing_recon.feeds.documents.effect import kind_of
from billing_recon.feeds.documents.xml_element import Node, iso_date


@dataclass(frozen=True, slots=True)
class _Taxed:
    """A line with its tax. `base` is what the rate is held to: set only if rate and tax are stated and contradict each other."""

    line: DocumentLine
    tax: TaxSubtotal


def read_body(header: Node, body: Node, name: str, form: str) -> Document:
    """Read a body, without findings. Raise DocumentUnreadable if a line states neither tax nor rate."""
    general = body.at("{*}DatiGenerali/{*}DatiGeneraliDocumento")
    goods = body.all("{*}DatiBeniServizi")
    if general is None or not goods:
        raise DocumentUnreadable(
            "this FatturaPA lacks its DatiGeneraliDocumento or its DatiBeniServizi; ask the sender for the whole document"
        )
    code, issued = general.text("{*}TipoDocumento") or "", general.text("{*}Data")
    currency = (general.text("{*}Divisa") or "").upper() or None
    taxed = list(_lines(goods, currency))
    fiscal = "{*}CessionarioCommittente/{*}IdentificativiFiscali/{*}"
    country, number = (header.text(f"{fiscal}IdFiscaleIVA/{{*}}{part}") for part in ("IdPaese", "IdCodice"))
    return Document(
        file=name,
        format=form,
        kind=kind_of(code, DocumentKind.INVOICE),
        type_code=code,
        number=general.text("{*}Numero"),
        issued_on=iso_date(issued) if issued else None,
        currency=currency,
        seller=_party(header, "{*}CedentePrestatore/{*}"),
        buyer=_party(header, "{*}CessionarioCommittente/{*}AltriDatiIdentificativi/{*}"),
        customer=f"{country or ''}{number}" if number else header.text(f"{fiscal}CodiceFiscale"),
        tax=total_of(one.tax.amount or "0" for one in taxed),
        tax_inclusive=total_of(part.figure("{*}Importo") or "0" for part in goods),
        lines=tuple(one.line for one in taxed),
        taxes=tuple(one.tax for one in taxed),
        references=tuple(
            number
            for part in body.all("{*}DatiGenerali/{*}DatiFatturaRettificata")
            if (number := part.text("{*}NumeroFR"))
        ),
    )


def _party(header: Node, path: str) -> str | None:
    person = " ".join(part for part in (header.text(f"{path}Nome"), header.text(f"{path}Cognome")) if part)
    return header.text(f"{path}Denominazione") or person or None


def _lines(goods: list[Node], currency: str | None) -> Iterator[_Taxed]:
    for position, part in enumerate(goods, start=1):
        gross, nature = part.figure("{*}Importo"), part.text("{*}Natura")
        stated, rate = part.figure("{*}DatiIVA/{*}Imposta"), part.figure("{*}DatiIVA/{*}Aliquota")
        if gross is None or (stated is None and rate is None and nature is None):
            raise DocumentUnreadable(
                f"DatiBeniServizi {position} lacks its Importo, or states neither Imposta nor Aliquota nor Natura; "
                "ask the sender for the whole document"
            )
        if Decimal(rate or "0") < 0:
            raise DocumentUnreadable(f"Aliquota of DatiBeniServizi {position} is {rate}; ask the sender to correct it")
        within = _tax_within(gross, rate or "0", currency)
        tax = stated or within
        net = f"{EXACT.subtract(Decimal(gross), Decimal(tax)):f}"
        contradicts = stated is not None and rate is not None and Decimal(stated) != Decimal(within)
        yield _Taxed(
            DocumentLine(
                line_no=str(position),
                description=part.text("{*}Descrizione"),
                amount=net,
                tax_rate=rate,
                tax=tax,
            ),
            TaxSubtotal(base=net if contradicts else None, amount=tax, rate=rate, category=nature),
        )


def _tax_within(gross: str, percent: str, currency: str | None) -> str:
    """Return the tax within an amount, rounded half up to the currency's minor unit.

    >>> _tax_within("120.00", "22.00", "EUR"), _tax_within("-1.78", "22", "EUR"), _tax_within("5", "0", None)
    ('21.64', '-0.32', '0.00')
    """
    places = EXPONENTS.get(currency or "", 2)
    rate = Fraction(percent)
    exact = Fraction(gross) * rate / (100 + rate) * 10**places
    units = int(abs(exact) + Fraction(1, 2))
    return f"{Decimal(-units if exact < 0 else units).scaleb(-places):f}"
