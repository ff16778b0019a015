"""Small pages to read by template: a PDF drawn cell by cell, in any order, and an HTML page."""

from __future__ import annotations

import io
from collections.abc import Iterable

from reportlab.pdfgen.canvas import Canvas

Cell = tuple[float, float, str]
"""Points from the left, points from the top, text."""

INVOICE: list[Cell] = [
    (40, 40, "Hydra Hosting Ltd"),
    (40, 60, "Invoice number: HH-2026-17"),
    (40, 75, "Invoice date: 3 March 2026"),
    (40, 110, "Pos"), (80, 110, "Item"), (300, 110, "Qty"), (360, 110, "Discount"), (430, 110, "Price"), (500, 110, "Total USD"),
    (40, 130, "1"), (80, 130, "Virtual server"), (310, 130, "2"), (430, 130, "1,000.00"), (500, 130, "2,000.00"),
    (80, 145, "in Frankfurt"),
    (40, 160, "2"), (80, 160, "Backup"), (310, 160, "10"), (360, 160, "-1.00"), (430, 160, "0.30"), (500, 160, "2.00"),
    (360, 190, "Sum"), (500, 190, "2,002.00"),
    (360, 205, "VAT 20%"), (500, 205, "400.40"),
    (360, 220, "To pay"), (500, 220, "2,402.40"),
]  # fmt: skip

TEMPLATE = r"""
form: pdf
match: Hydra Hosting Ltd
order: layout
fields:
  number: 'Invoice number: (\S+)'
  issued_on: {pattern: 'Invoice date: (.+)', dates: "%d %B %Y"}
  currency: 'Total ([A-Z]{3})'
  seller: {value: Hydra Hosting Ltd}
  subtotal: '^ *Sum +(.+)'
  tax_exclusive: '^ *Sum +(.+)'
  tax: 'VAT \d+% +(.+)'
  tax_inclusive: 'To pay +(.+)'
  payable: 'To pay +(.+)'
lines:
  columns: {line_no: Pos, description: Item, quantity: Qty, allowance: Discount, unit_price: Price, amount: Total USD}
  end: '^ *Sum '
  continues: description
  fixed: {tax_rate: "20"}
  signs: {allowance: drop}
taxes:
  row: 'VAT (?P<rate>\d+)% +(?P<amount>.+)'
  needs: amount
"""

HTML = """<!doctype html><html><head><meta charset="utf-8"><title>x</title><style>p {}</style></head><body>
<h1>Rechnung</h1>
<dl><dt>Nummer</dt><dd id="number">R-7</dd><dt>Datum</dt><dd class="date">3. März 2026</dd></dl>
<p style="display: none">Nummer R-8</p><script>var number = "R-9"</script>
<table class="lines"><thead>
<tr><th rowspan="2">Leistung</th><th colspan="2">Umfang</th><th rowspan="2">Betrag</th></tr>
<tr><th>Menge</th><th>Preis</th></tr></thead>
<tbody>
<tr><td>Server</td><td>2</td><td>1.000,00&nbsp;€</td><td>2.000,00&nbsp;€</td></tr>
<tr><td colspan="4">in Frankfurt</td></tr>
<tr><td>Backup</td><td>10</td><td>0,20&nbsp;€</td><td>2,00&nbsp;€</td></tr>
</tbody><tfoot><tr><td colspan="3">Summe</td><td>2.002,00&nbsp;€</td></tr></tfoot></table>
<p>Zahlbetrag: <b id="due">2.002,00&nbsp;€</b></p></body></html>"""

HTML_TEMPLATE = r"""
form: html
match: [Rechnung, Zahlbetrag]
language: de
numbers: {decimal: ","}
fields:
  number: {select: "#number"}
  issued_on: {select: .date, dates: "%d. %B %Y"}
  currency: {pattern: 'Zahlbetrag: .*(\S)$', map: {€: EUR}}
  kind: {select: h1, map: {Rechnung: invoice, Gutschrift: credit_note}}
  subtotal: {select: "table.lines tfoot td:last-child"}
  payable: {select: "#due"}
  tax_inclusive: {pattern: 'Zahlbetrag: (.+)', take: same}
lines:
  select: table.lines
  columns: {description: Leistung, quantity: Menge, unit_price: Preis, amount: Betrag}
  needs: [amount]
  skip: '^Summe'
  continues: description
"""


def pdf(*pages: Iterable[Cell], compress: bool = True) -> bytes:
    """A PDF with the cells drawn in the order given."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=1, pageCompression=int(compress))
    for cells in pages:
        canvas.setFont("Helvetica", 9)
        for left, top, text in cells:
            canvas.drawString(left, 842 - top, text)
        canvas.showPage()
    canvas.save()
    return out.getvalue()
