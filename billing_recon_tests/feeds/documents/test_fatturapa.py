"""FatturaPA, read field by field: each body of a file is a document."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.feeds.documents.document_rows import rows_of
from billing_recon.feeds.documents.formats import recognise
from billing_recon.feeds.file_reader import documents_in
from billing_recon_tests.feeds.documents.invoices import FATTURAPA, swap
from billing_recon_tests.feeds.documents.ties import breaks_of

BODY = FATTURAPA[FATTURAPA.index("  <FatturaElettronicaBody>") : FATTURAPA.index("</p:Fattura")]


def _all(data: bytes) -> list[Document]:
    assert recognise(data) == "fatturapa"
    return documents_in(data, "IT01_a.xml")


def _read(*changes: tuple[str, str]) -> Document:
    (document,) = _all(swap(FATTURAPA, *changes))
    return document


def billed(document: Document) -> dict[str | None, Decimal]:
    assert breaks_of(rows_of(document)) == []
    return {line["row_line_id"]: Decimal(line["row_total"] or "NaN") for line in rows_of(document).billed}


def test_header_figures_and_parties_are_read():
    got = _read()
    assert (got.format, got.type_code, got.effect.value, got.number) == ("fatturapa", "TD01", "bills", "INV-7")
    assert (got.issued_on, got.currency, got.references) == ("2026-03-02", "EUR", ("INV-3",))
    assert (got.seller, got.buyer, got.customer) == ("Ada Chiodi", "Edile SpA", "IT00000000019")
    assert (got.tax, got.tax_inclusive, got.rounding, got.withheld, got.payable) == (
        "6.86",
        "38.00",
        "-0.06",
        "6.00",
        "32.00",
    )
    assert [(a.charge, a.amount, a.reason) for a in got.adjustments] == [
        (True, "1.20", "Cassa previdenziale TC04"),
        (True, "2.00", "SpeseAccessorie"),
    ]
    assert [(t.base, t.amount, t.rate) for t in got.taxes] == [("31.20", "6.86", "22.00")]
    assert got.findings == ()


def test_lines_have_their_periods_and_their_discounts_times_the_quantity():
    first, comment = _read().lines
    assert (first.quantity, first.unit_price, first.amount, first.tax_rate) == ("10.00", "3.00", "28.00", "22.00")
    assert [(a.charge, Decimal(a.amount)) for a in first.adjustments] == [(False, 3), (True, 1)]
    assert (first.period_start, first.period_end) == ("2026-02-01", "2026-02-28")
    assert (comment.description, comment.summed) == ("Come da contratto", False)


def test_a_percentage_beside_an_amount_of_zero_is_the_discount():
    got = _read(("<Percentuale>10.00</Percentuale>", "<Percentuale>10.00</Percentuale><Importo>0.00</Importo>"))
    assert [(a.charge, Decimal(a.amount)) for a in got.lines[0].adjustments] == [(False, 3), (True, 1)]
    assert got.findings == ()


def test_every_part_leads_to_what_is_to_be_paid():
    assert billed(_read()) == {
        "1": Decimal(28),
        "charge/1": Decimal("1.20"),
        "charge/2": Decimal(2),
        "tax/1": Decimal("6.86"),
        "rounding": Decimal("-0.06"),
        "withheld": Decimal(-6),
    }


def test_a_td04_credits_and_an_integration_of_the_buyer_bills_nothing():
    note = _read((">TD01<", ">TD04<"))
    assert (note.kind.value, note.effect.value, rows_of(note).header["row_payable"]) == (
        "credit_note",
        "credits",
        "-32.00",
    )
    assert billed(note)["1"] == -28
    assert _read((">TD01<", ">TD17<")).effect.value == "nothing"
    assert _read((">TD01<", ">TD99<")).effect.value == "unknown"


def test_tax_that_the_buyer_pays_to_the_state_is_withheld():
    got = _read(("<EsigibilitaIVA>I<", "<EsigibilitaIVA>S<"), (">32.00<", ">25.14<"))
    assert (got.withheld, got.findings) == ("12.86", ())
    assert billed(got)["withheld"] == Decimal("-12.86")


@pytest.mark.parametrize(("total", "payable", "charged"), [("40.00", "34.00", True), ("38.00", "32.00", False)])
def test_a_virtual_stamp_is_a_charge_if_the_total_includes_it(total: str, payable: str, charged: bool):
    stamp = "<DatiBollo><BolloVirtuale>SI</BolloVirtuale><ImportoBollo>2.00</ImportoBollo></DatiBollo><ImportoTotaleDocumento>"
    got = _read((">38.00<", f">{total}<"), (">32.00<", f">{payable}<"), ("<ImportoTotaleDocumento>", stamp))
    assert ("Bollo" in [a.reason for a in got.adjustments]) is charged
    assert got.findings == ()


def test_a_figure_that_is_none_is_named_as_in_the_document():
    with pytest.raises(DocumentUnreadable, match=r"^ImportoTotaleDocumento is '38,00', which is not a decimal number"):
        _read((">38.00<", ">38,00<"))


def test_each_body_of_a_file_is_a_document():
    second = BODY.replace("INV-7", "INV-8")
    found = _all(FATTURAPA.replace("</p:Fattura", second + "</p:Fattura").encode())
    assert [document.number for document in found] == ["INV-7", "INV-8"]


def test_a_wrong_total_is_a_finding():
    (finding, *_) = _read((">38.00<", ">48.00<"), (">32.00<", ">42.00<")).findings
    assert (finding.code.value, finding.stated, finding.computed) == ("TAX_INCLUSIVE", "48.00", "38.06")


def test_older_versions_are_read_and_signed_or_cut_files_refused_by_name():
    older = FATTURAPA.replace(
        "http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2",
        "http://www.fatturapa.gov.it/sdi/fatturapa/v1.1",
    )
    assert _all(older.encode())[0].number == "INV-7"
    bare = FATTURAPA.replace("p:Fattura", "Fattura").replace(
        ' xmlns:p="http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2"', ""
    )
    assert _all(bare.encode())[0].number == "INV-7"
    with pytest.raises(DocumentUnreadable, match=r"inside a signature \(.p7m\)"):
        documents_in(b"0\x82\x01\x00" + FATTURAPA.encode(), "IT01_a.xml.p7m")
    with pytest.raises(DocumentUnreadable, match="lacks its header or its body"):
        documents_in(FATTURAPA.replace(BODY, "").encode(), "a.xml")


SIMPLIFIED = """<?xml version="1.0" encoding="UTF-8"?>
<n:FatturaElettronicaSemplificata versione="FSM10" xmlns:n="http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.0">
  <FatturaElettronicaHeader>
    <CedentePrestatore><IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>00000000027</IdCodice></IdFiscaleIVA><Nome>Ada</Nome><Cognome>Chiodi</Cognome></CedentePrestatore>
    <CessionarioCommittente>
      <IdentificativiFiscali><IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>00000000019</IdCodice></IdFiscaleIVA></IdentificativiFiscali>
      <AltriDatiIdentificativi><Denominazione>Edile SpA</Denominazione></AltriDatiIdentificativi>
    </CessionarioCommittente>
  </FatturaElettronicaHeader>
  <FatturaElettronicaBody>
    <DatiGenerali>
      <DatiGeneraliDocumento><TipoDocumento>TD07</TipoDocumento><Divisa>EUR</Divisa><Data>2026-03-02</Data><Numero>INV-9</Numero></DatiGeneraliDocumento>
      <DatiFatturaRettificata><NumeroFR>INV-3</NumeroFR></DatiFatturaRettificata>
    </DatiGenerali>
    <DatiBeniServizi><Descrizione>Chiodi</Descrizione><Importo>120.00</Importo><DatiIVA><Aliquota>22.00</Aliquota></DatiIVA></DatiBeniServizi>
    <DatiBeniServizi><Descrizione>Pane</Descrizione><Importo>10.40</Importo><DatiIVA><Imposta>0.40</Imposta><Aliquota>4.00</Aliquota></DatiIVA></DatiBeniServizi>
    <DatiBeniServizi><Descrizione>Colla</Descrizione><Importo>6.10</Importo><DatiIVA><Imposta>1.10</Imposta></DatiIVA></DatiBeniServizi>
    <DatiBeniServizi><Descrizione>Marca</Descrizione><Importo>2.00</Importo><DatiIVA><Aliquota>0.00</Aliquota></DatiIVA><Natura>N1</Natura></DatiBeniServizi>
  </FatturaElettronicaBody>
</n:FatturaElettronicaSemplificata>
"""


def _simplified(*changes: tuple[str, str]) -> Document:
    (document,) = _all(swap(SIMPLIFIED, *changes))
    return document


def test_lines_of_a_simplified_invoice_are_net_of_the_tax_that_they_state_or_that_their_rate_takes_out():
    got = _simplified()
    assert [(line.amount, line.tax, line.tax_rate) for line in got.lines] == [
        ("98.36", "21.64", "22.00"),  # 120.00 x 22 / 122 = 21.639...
        ("10.00", "0.40", "4.00"),
        ("5.00", "1.10", None),
        ("2.00", "0.00", "0.00"),
    ]
    assert (got.type_code, got.number, got.issued_on, got.currency) == ("TD07", "INV-9", "2026-03-02", "EUR")
    assert (got.seller, got.buyer, got.customer, got.references) == (
        "Ada Chiodi",
        "Edile SpA",
        "IT00000000019",
        ("INV-3",),
    )
    assert (got.tax, got.tax_inclusive, got.findings) == ("23.14", "138.50", ())


def test_a_simplified_invoice_bills_what_its_lines_add_up_to_and_a_td08_takes_it_back():
    header = rows_of(_simplified()).header
    assert [header[f"row_{name}"] for name in ("subtotal", "tax", "total", "payable")] == [
        "115.36", "23.14", "138.50", "138.50"]  # fmt: skip
    assert billed(_simplified()) == {"1": 120, "2": Decimal("10.40"), "3": Decimal("6.10"), "4": 2}
    note = _simplified((">TD07<", ">TD08<"))
    assert (note.effect.value, rows_of(note).header["row_payable"]) == ("credits", "-138.50")


def test_a_rate_and_a_tax_of_a_simplified_line_that_contradict_each_other_are_a_finding():
    (finding,) = _simplified((">0.40<", ">0.50<")).findings
    assert (finding.code.value, finding.stated) == ("TAX", "0.50")


@pytest.mark.parametrize("cents", range(1, 400, 7))
def test_the_rounding_of_the_tax_within_a_simplified_line_is_no_finding(cents: int):
    gross = Decimal(cents) / 100
    tax = (gross * 22 / 122).quantize(Decimal("0.01"))
    got = _simplified(
        (">10.40<", f">{gross}<"),
        ("<Imposta>0.40</Imposta><Aliquota>4.00<", f"<Imposta>{tax}</Imposta><Aliquota>22.00<"),
    )
    assert got.findings == ()


@pytest.mark.parametrize(
    ("old", "new"), [("<Aliquota>22.00</Aliquota>", ""), (">22.00<", ">-100.00<"), ("<Importo>6.10</Importo>", "")]
)
def test_a_simplified_line_whose_tax_nothing_states_makes_the_document_unreadable(old: str, new: str):
    with pytest.raises(DocumentUnreadable, match=r"DatiBeniServizi \d"):
        _simplified((old, new))
