"""FatturaPA (Italy), versions 1.0 to 1.2: one Document per body of a file. The simplified form is in fatturapa_simplified.

| Document | FatturaPA |
|---|---|
| type_code, number, issued_on, currency | TipoDocumento (TD01, TD04, ...), Numero, Data, Divisa |
| lines | DettaglioLinee; a discount per unit (ScontoMaggiorazione) times the quantity is the line's allowance |
| adjustments | ScontoMaggiorazione of the document, DatiCassaPrevidenziale, SpeseAccessorie and Arrotondamento of a rate, DatiBollo |
| taxes | DatiRiepilogo |
| tax_inclusive, rounding | ImportoTotaleDocumento, Arrotondamento |
| withheld | DatiRitenuta, and the tax of rates that the buyer pays to the state (EsigibilitaIVA S) |
| payable | the sum of ImportoPagamento |

A virtual stamp (DatiBollo) is a charge only if the total includes it: senders may bear it, or bill it as a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
from billing_recon.feeds.documents import arithmetic, fatturapa_simplified
from billing_recon.feeds.documents.arithmetic import EXACT, percent_of, total_of
from billing_recon.feeds.documents.effect import kind_of
from billing_recon.feeds.documents.xml_element import Node, iso_date

FORM = "fatturapa"
ROOT, SIMPLIFIED = "FatturaElettronica", "FatturaElettronicaSemplificata"
_HEADER, _BODY = "{*}FatturaElettronicaHeader", "{*}FatturaElettronicaBody"


def is_fatturapa(tag: str) -> bool:
    """Whether a root tag in Clark notation is FatturaPA's; its namespace differs between versions."""
    namespace, _, local = tag.rpartition("}")
    return local in (ROOT, SIMPLIFIED) and (not namespace or "fatturapa" in namespace or "agenziaentrate" in namespace)


def read(root: etree._Element, name: str) -> list[Document]:
    """Read the bodies of a file, without findings. Raise DocumentUnreadable."""
    here = Node(root, {})
    bodies, header = here.all(_BODY), here.at(_HEADER)
    if not bodies or header is None:
        raise DocumentUnreadable("this FatturaPA lacks its header or its body; ask the sender for the whole document")
    if etree.QName(root).localname == SIMPLIFIED:
        return [fatturapa_simplified.read_body(header, body, name, FORM) for body in bodies]
    return [_body(header, body, name) for body in bodies]


def _body(header: Node, body: Node, name: str) -> Document:
    general, goods = body.at("{*}DatiGenerali/{*}DatiGeneraliDocumento"), body.at("{*}DatiBeniServizi")
    if general is None or goods is None:
        raise DocumentUnreadable(
            "this FatturaPA lacks its DatiGeneraliDocumento or its DatiBeniServizi; ask the sender for the whole document"
        )
    code, issued = general.text("{*}TipoDocumento") or "", general.text("{*}Data")
    rates = goods.all("{*}DatiRiepilogo")
    seller, buyer = "{*}CedentePrestatore/{*}DatiAnagrafici", "{*}CessionarioCommittente/{*}DatiAnagrafici"
    country, number = (header.text(f"{buyer}/{{*}}IdFiscaleIVA/{{*}}{part}") for part in ("IdPaese", "IdCodice"))
    withheld = [part.figure("{*}ImportoRitenuta") for part in general.all("{*}DatiRitenuta")]
    withheld += [part.figure("{*}Imposta") for part in rates if part.text("{*}EsigibilitaIVA") == "S"]
    document = Document(
        file=name,
        format=FORM,
        kind=kind_of(code, DocumentKind.INVOICE),
        type_code=code,
        number=general.text("{*}Numero"),
        issued_on=iso_date(issued) if issued else None,
        currency=(general.text("{*}Divisa") or "").upper() or None,
        seller=_party(header, seller),
        buyer=_party(header, buyer),
        customer=f"{country or ''}{number}" if number else header.text(f"{buyer}/{{*}}CodiceFiscale"),
        tax=total_of(tax for part in rates if (tax := part.figure("{*}Imposta"))),
        tax_inclusive=general.figure("{*}ImportoTotaleDocumento"),
        rounding=general.figure("{*}Arrotondamento"),
        withheld=total_of(amount for amount in withheld if amount is not None),
        payable=total_of(
            amount
            for part in body.all("{*}DatiPagamento/{*}DettaglioPagamento")
            if (amount := part.figure("{*}ImportoPagamento"))
        ),
        lines=tuple(_lines(goods)),
        adjustments=(*_of_document(general, goods), *_of_rates(rates)),
        taxes=tuple(
            TaxSubtotal(
                base=part.figure("{*}ImponibileImporto"),
                amount=part.figure("{*}Imposta"),
                rate=part.figure("{*}AliquotaIVA"),
                category=part.text("{*}Natura"),
            )
            for part in rates
        ),
        references=tuple(
            number
            for part in body.all("{*}DatiGenerali/{*}DatiFattureCollegate")
            if (number := part.text("{*}IdDocumento"))
        ),
    )
    return _with_stamp(document, general.figure("{*}DatiBollo/{*}ImportoBollo"))


def _party(header: Node, path: str) -> str | None:
    """Return the company's name, or the person's."""
    names = f"{path}/{{*}}Anagrafica/{{*}}"
    person = " ".join(part for part in (header.text(f"{names}Nome"), header.text(f"{names}Cognome")) if part)
    return header.text(f"{names}Denominazione") or person or None


def _lines(goods: Node) -> Iterator[DocumentLine]:
    for position, line in enumerate(goods.all("{*}DettaglioLinee"), start=1):
        price, amount, quantity = (
            line.figure("{*}PrezzoUnitario"),
            line.figure("{*}PrezzoTotale"),
            line.figure("{*}Quantita"),
        )
        if quantity is None and price is not None and Decimal(price):
            quantity = "1"
        yield DocumentLine(
            line_no=line.text("{*}NumeroLinea") or str(position),
            description=line.text("{*}Descrizione"),
            quantity=quantity,
            unit_price=price,
            amount=amount,
            tax_rate=line.figure("{*}AliquotaIVA"),
            adjustments=tuple(_off_the_price(line, price or "0", quantity or "0")),
            period_start=line.date("{*}DataInizioPeriodo"),
            period_end=line.date("{*}DataFinePeriodo"),
        )


def _off_the_price(line: Node, price: str, quantity: str) -> Iterator[Adjustment]:
    """Yield discounts (SC) and surcharges (MG) of a line: per unit, percentages one after the other."""
    unit = Decimal(price)
    for part in line.all("{*}ScontoMaggiorazione"):
        percent, each = part.figure("{*}Percentuale"), part.figure("{*}Importo")
        if percent is not None and (each is None or not Decimal(each)):
            each = percent_of(unit, percent)
        elif each is None:
            continue
        else:
            percent = None
        change = Decimal(each)
        charge = part.text("{*}Tipo") == "MG"
        unit = EXACT.add(unit, change) if charge else EXACT.subtract(unit, change)
        amount = f"{EXACT.multiply(change, Decimal(quantity)):f}"
        yield Adjustment(charge, amount, percent=percent)


def _of_document(general: Node, goods: Node) -> Iterator[Adjustment]:
    base = total_of(amount for line in goods.all("{*}DettaglioLinee") if (amount := line.figure("{*}PrezzoTotale")))
    for part in general.all("{*}ScontoMaggiorazione"):
        percent, amount = part.figure("{*}Percentuale"), part.figure("{*}Importo")
        if amount is None and percent is not None and base is not None:
            yield Adjustment(part.text("{*}Tipo") == "MG", percent_of(base, percent), percent=percent)
        elif amount is not None:
            yield Adjustment(part.text("{*}Tipo") == "MG", amount)
    for part in general.all("{*}DatiCassaPrevidenziale"):
        if amount := part.figure("{*}ImportoContributoCassa"):
            kind = " ".join(text for text in ("Cassa previdenziale", part.text("{*}TipoCassa")) if text)
            yield Adjustment(True, amount, kind, part.figure("{*}AliquotaIVA"))


def _of_rates(rates: list[Node]) -> Iterator[Adjustment]:
    """Yield what the base of a rate has beyond lines and pension fund: incidental costs and rounding."""
    for part in rates:
        for name in ("SpeseAccessorie", "Arrotondamento"):
            amount = part.figure(f"{{*}}{name}")
            if amount is not None and Decimal(amount):
                yield Adjustment(True, amount, name, part.figure("{*}AliquotaIVA"))


def _with_stamp(document: Document, stamp: str | None) -> Document:
    """Add the stamp as a charge if only then the document adds up."""
    if stamp is None:
        return document
    charged = replace(document, adjustments=(*document.adjustments, Adjustment(True, stamp, "Bollo")))
    return charged if arithmetic.findings(document) and not arithmetic.findings(charged) else document
