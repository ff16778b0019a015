"""Any file is read as what it holds: its content decides, its name only between ledgers in plain text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from billing_recon.core.document import Document, DocumentUnreadable
from billing_recon.core.errors import BillingReconError
from billing_recon.core.feed import LEDGER_FORMS
from billing_recon.core.journal import LedgerFile, LedgerOptions
from billing_recon.core.yaml_text import read_yaml
from billing_recon.feeds.documents.template import Template
from billing_recon.feeds.file_reader import files_of, read_file, shown_text
from billing_recon_tests.feeds.documents.pages import HTML_TEMPLATE, TEMPLATE
from billing_recon_tests.feeds.hostile import STRIPE, samples

SAMPLES = samples()
TEMPLATES = tuple(read_yaml(Template, text, "t.yaml") for text in (TEMPLATE, HTML_TEMPLATE))
OPTIONS = LedgerOptions(currency="EUR", dates="mdy")


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("form", [form for form in SAMPLES if form != "beancount"])
def test_a_file_is_known_by_what_it_holds_under_any_name(form: str, tmp_path: Path) -> None:
    name, data = SAMPLES[form]
    for given in (name, "download", "wrong.txt", "wrong.xml"):
        (part,) = read_file(written(tmp_path, given, data), TEMPLATES, OPTIONS)
        assert part.format == form
        assert part.file == str(tmp_path / given)
        assert isinstance(part, LedgerFile if form in LEDGER_FORMS else Document)


def test_a_list_of_stripes_gives_a_document_each(tmp_path: Path) -> None:
    data = json.dumps({"object": "list", "data": [STRIPE, {**STRIPE, "number": "ACME-2"}]}).encode()
    parts = read_file(written(tmp_path, "invoices.json", data))
    assert [part.number for part in parts if isinstance(part, Document)] == ["ACME-1", "ACME-2"]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.xml", b" \n", "the file is empty"),
        ("notes.txt", b"Dear customer", "its format is not supported"),
        (
            "other.xml",
            b"<catalog><book/></catalog>",
            r"its format is not supported \(.*\): its root element is catalog; ask",
        ),
        ("other.json", b'{"amount": 4.11}', "its format is not supported"),
        ("bundle.zip", b"PK\x03\x04rest", "a ZIP archive; unpack it"),
        ("old.gz", b"\x1f\x8brest", "compressed with gzip; unpack it"),
        ("page.pdf", SAMPLES["pdf"][1], r"no template matches this PDF \(none is declared\)"),
        ("page.html", SAMPLES["html"][1], "no template matches this HTML"),
        ("cut.pdf", SAMPLES["pdf"][1][:40], "the PDF cannot be opened"),
        ("cut.xml", SAMPLES["ubl"][1][:900], "not well-formed XML"),
        ("comment.xml", b"<?xml version='1.0'?><--! a note --><Invoice/>", "not well-formed XML"),
        ("bank.xml", b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'/>", "a bank statement, not a"),
        ("bank.sta", b":20:A\n:25:1/2\n:28C:1/1\n:60F:C260301EUR1,\n:62F:C260301EUR1,\n", "a bank statement, not a"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_do(name: str, data: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(BillingReconError, match=says):
        read_file(written(tmp_path, name, data))


def test_a_file_that_is_not_there_or_never_ends_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentUnreadable, match="No such file"):
        read_file(tmp_path / "absent.xml")
    os.mkfifo(tmp_path / "pipe")
    for endless in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DocumentUnreadable, match="not a regular file"):
            read_file(endless)


def test_a_folder_is_its_files_sorted_with_those_below(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    for name in ("c.xml", "a.xml", "b/z.xml", "b/deep/y.xml", ".hidden", "b/.state"):
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in files_of(tmp_path)] == [
        "a.xml",
        "c.xml",
        "b/z.xml",
        "b/deep/y.xml",
    ]
    assert list(files_of(tmp_path / "absent")) == [tmp_path / "absent"]


def test_the_text_that_templates_see_can_be_shown(tmp_path: Path) -> None:
    assert "Invoice number: HH-2026-17" in shown_text(written(tmp_path, "page.pdf", SAMPLES["pdf"][1]), "layout")
    assert "Zahlbetrag: 2.002,00 €" in shown_text(written(tmp_path, "page.html", SAMPLES["html"][1]), "content")
    with pytest.raises(DocumentUnreadable, match="only PDFs and web pages"):
        shown_text(written(tmp_path, "invoice.xml", SAMPLES["ubl"][1]), "content")
