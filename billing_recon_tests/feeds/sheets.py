"""Small .xlsx workbooks, written as a spreadsheet program stores them: the tests decide what each cell's stored text is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DATE, TIME, PERCENT, FIVE_DIGITS = 1, 2, 3, 4
"""Styles: 02.03.2026, 2026-03-02 10:00, 19%, 00123."""


@dataclass(frozen=True)
class Number:
    """A cell with a number, as stored, in a style."""

    stored: str
    style: int = 0


@dataclass(frozen=True)
class Formula:
    """A cell with a formula, and its stored result, if any."""

    formula: str
    stored: str | None = None


@dataclass(frozen=True)
class Failed:
    """A cell with the error of its formula."""

    error: str


Cell = str | Number | Formula | Failed | None


def workbook(*sheets: tuple[str, Sequence[Sequence[Cell]]], state: dict[str, str] | None = None) -> bytes:
    """Return a workbook of sheets with a name and rows. A row without cells is blank."""
    texts: list[str] = []
    parts = {f"xl/worksheets/sheet{n}.xml": _sheet(rows, texts) for n, (_, rows) in enumerate(sheets, 1)}
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}" state="{(state or {}).get(name, "visible")}"/>'
        for n, (name, _) in enumerate(sheets, 1)
    )
    relations = "".join(
        f'<Relationship Id="rId{n}" Target="worksheets/sheet{n}.xml"/>' for n in range(1, len(sheets) + 1)
    )
    parts["xl/workbook.xml"] = f'<workbook {_NS} xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>'
    parts["xl/_rels/workbook.xml.rels"] = f"<Relationships>{relations}</Relationships>"
    parts["xl/sharedStrings.xml"] = f"<sst {_NS}>{''.join(f'<si><t>{escape(text)}</t></si>' for text in texts)}</sst>"
    parts["xl/styles.xml"] = (
        f'<styleSheet {_NS}><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd hh:mm;@"/>'
        '<numFmt numFmtId="165" formatCode="00000"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="9"/><xf numFmtId="165"/></cellXfs></styleSheet>'
    )
    parts["[Content_Types].xml"] = "<Types/>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def _sheet(rows: Sequence[Sequence[Cell]], texts: list[str]) -> str:
    written = []
    for number, cells in enumerate(rows, 1):
        shown = "".join(_cell(f"{chr(65 + at)}{number}", cell, texts) for at, cell in enumerate(cells))
        written.append(f'<row r="{number}">{shown}</row>' if shown else "")
    return f"<worksheet {_NS}><sheetData>{''.join(written)}</sheetData></worksheet>"


def _cell(at: str, cell: Cell, texts: list[str]) -> str:
    match cell:
        case None:
            return ""
        case Number(stored, style):
            return f'<c r="{at}" s="{style}"><v>{stored}</v></c>'
        case Failed(error):
            return f'<c r="{at}" t="e"><v>{error}</v></c>'
        case Formula(formula, stored):
            return f'<c r="{at}"><f>{escape(formula)}</f>{"" if stored is None else f"<v>{stored}</v>"}</c>'
        case _:
            texts.append(cell)
            return f'<c r="{at}" t="s"><v>{len(texts) - 1}</v></c>'
