"""XML of unknown senders: whatever it holds, nothing is fetched, nothing expands, and the refusal is clear."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from billing_recon.core.document import DocumentUnreadable
from billing_recon.feeds.documents import safe_xml
from billing_recon.feeds.documents.formats import read, recognise
from billing_recon_tests.feeds.documents.invoices import UBL, swap

BOM = "\ufeff"


def _with_doctype(doctype: str, encoding: str = "utf-8") -> bytes:
    text = UBL.replace('encoding="UTF-8"?>', f'encoding="{encoding}"?>{doctype}').replace(">INV-7<", ">&x;<")
    return text.encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "iso-8859-1"])
def test_entities_are_refused_before_they_expand(encoding: str):
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = _with_doctype(f'<!DOCTYPE Invoice [<!ENTITY l0 "ha">{laughs}<!ENTITY x "&l11;">]>', encoding)
    with pytest.raises(DocumentUnreadable, match="document type"):
        read(bomb, "a.xml", "ubl")


def test_no_file_is_read(tmp_path: Path):
    (tmp_path / "secret").write_text("INV-secret")
    data = _with_doctype(f'<!DOCTYPE Invoice [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>')
    assert recognise(data, "a.xml") == "ubl"
    with pytest.raises(DocumentUnreadable, match="document type"):
        read(data, "a.xml", "ubl")


def test_no_address_is_asked():
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        for doctype in (
            f'<!DOCTYPE Invoice SYSTEM "{address}/a.dtd">',
            f'<!DOCTYPE Invoice [<!ENTITY % p SYSTEM "{address}/p"> %p;]>',
        ):
            with pytest.raises(DocumentUnreadable):
                read(_with_doctype(doctype), "a.xml", "ubl")
        server.shutdown()
        thread.join()
    assert asked == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "iso-8859-15", "windows-1252"])
def test_every_declared_encoding_is_read(encoding: str):
    declared = encoding.removesuffix("-sig").removesuffix("-le")
    text = UBL.replace('encoding="UTF-8"', f'encoding="{declared}"').replace("Bauhaus", "Bäuhaus €")
    data = (BOM + text if encoding == "utf-16-le" else text).encode(encoding)
    assert recognise(data, "a.xml") == "ubl"
    assert read(data, "a.xml", "ubl").buyer == "Bäuhaus € AG"


def test_blank_lines_before_the_declaration_do_no_harm():
    assert read(b"\r\n  " + UBL.encode(), "a.xml", "ubl").number == "INV-7"


def test_a_file_carried_inside_is_skipped_however_large():
    carried = f"<cbc:EmbeddedDocumentBinaryObject>{'QUJD' * 3_000_000}</cbc:EmbeddedDocumentBinaryObject>"
    assert (
        read(swap(UBL, ("<cac:LegalMonetaryTotal>", f"{carried}<cac:LegalMonetaryTotal>")), "a.xml", "ubl").findings
        == ()
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not well-formed"),
        (UBL.encode()[:900], "not well-formed"),
        (b"<a>" * 3000 + b"</a>" * 3000, "depth"),
        (b"<a>" + b"x" * 11_000_000 + b"</a>", "too long"),
        (b"<a>" + b"<b/>" * safe_xml.LARGEST_TAGS + b"</a>", "tags, too many for an invoice"),
        (b"<a>" + b"x" * 33 * 1024 * 1024 + b"</a>", "33 MB"),
        (b'<?xml version="1.0" encoding="nope"?><a/>', "encoding"),
        (b"<a>\xff\xfe</a>", "not well-formed"),
    ],
    ids=["empty", "truncated", "deep", "long", "tags", "large", "encoding", "bytes"],
)
def test_what_is_no_document_says_why_and_what_to_do(data: bytes, says: str):
    with pytest.raises(DocumentUnreadable, match=says) as refused:
        safe_xml.parse(data)
    assert "ask the sender" in str(refused.value)
    assert "HUGE" not in str(refused.value)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"a,b\n1,2\n", b"<html><body>", b"<a/>", b"\x00\x01", b"PK\x03\x04", UBL.encode()[:60]]
)
def test_other_files_are_not_taken_for_invoices(data: bytes):
    assert recognise(data, "a.xml") is None


def test_a_broken_invoice_is_still_recognised():
    assert recognise(UBL.encode()[:2000] + b"\xff<<", "a.xml") == "ubl"
