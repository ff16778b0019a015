"""Files that someone broke or made to do harm: whole samples of every format that `read` knows, and seeded mutations of them.

`python -m billing_recon_tests.feeds.hostile FORM FIRST COUNT FOLDER CANARY PORT` reads COUNT of them in a process with
little memory and prints a JSON line of what became of them; the test reads that. Each is known by its seed.
"""

from __future__ import annotations

import io
import json
import random
import re
import resource
import signal
import sys
import traceback
import zlib
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path
from time import process_time
from typing import Any

from pypdf import PdfWriter

from billing_recon_tests.feeds.documents.invoices import CII, FATTURAPA, UBL, as_zugferd1
from billing_recon_tests.feeds.documents.pages import HTML, HTML_TEMPLATE, INVOICE, TEMPLATE, pdf
from billing_recon_tests.feeds.ledgers.books import FORMS as LEDGERS
from billing_recon_tests.feeds.ledgers.books import Posting, Voucher

SECONDS_MAX = 10
ADDRESS_SPACE = 3 * 1024**3
Chance = random.Random

STRIPE: dict[str, Any] = {
    "id": "in_1", "object": "invoice", "number": "ACME-1", "currency": "usd", "created": 1772323200, "customer": "cus_1",
    "subtotal": 3000, "total": 3190, "total_excluding_tax": 2900, "amount_due": 3190, "starting_balance": 0,
    "ending_balance": 0, "discounts": ["di_1"], "total_discount_amounts": [{"amount": 100, "discount": "di_1"}],
    "total_tax_amounts": [{"amount": 290, "inclusive": False, "taxable_amount": 2900, "tax_rate": {"id": "t", "percentage": 10.0}}],
    "lines": {"object": "list", "has_more": False, "data": [
        {"id": "il_1", "amount": 3000, "quantity": 3, "description": "Seats", "discounts": [],
         "discount_amounts": [{"amount": 100, "discount": "di_1"}], "price": {"unit_amount_decimal": "1000"},
         "tax_amounts": [{"amount": 290, "inclusive": False, "tax_rate": "t"}]}]},
}  # fmt: skip


def samples() -> dict[str, tuple[str, bytes]]:
    """Format -> name of its file, and a sound one."""
    sale = (Posting("1200", 11900), Posting("4400", -10000), Posting("3806", -1900))
    book = tuple(Voucher(n, date(2026, 3, n), f"INV-{n}", "C-1", "Abo", sale) for n in range(1, 5))
    ledgers = {form: (name, write(book).encode()) for form, (name, write) in LEDGERS.items()}
    return {
        "ubl": ("invoice.xml", UBL.encode()),
        "cii": ("invoice.xml", CII.encode()),
        "zugferd1": ("invoice.xml", as_zugferd1(CII).encode()),
        "fatturapa": ("invoice.xml", FATTURAPA.encode()),
        "facturx": ("invoice.pdf", with_file(pdf([(40, 40, "Invoice INV-7 of 25.00, 35.34")]), CII.encode())),
        "pdf": ("page.pdf", pdf(INVOICE, compress=False)),
        "html": ("page.html", HTML.encode()),
        "stripe": ("invoice.json", json.dumps(STRIPE).encode()),
        **ledgers,
    }


def with_file(page: bytes, xml: bytes) -> bytes:
    """A PDF with an invoice inside."""
    writer = PdfWriter(clone_from=io.BytesIO(page))
    writer.add_attachment("factur-x.xml", xml)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def mutated(form: str, data: bytes, seed: int, canary: Path, port: int) -> bytes:
    """The sample with what its seed does to it: damage that any file can suffer, or an attack of its format."""
    chance = random.Random(f"{form} {seed}")
    attacks = ATTACKS[_family(form)]
    if attacks and chance.random() < 0.35:
        return chance.choice(attacks)(data, chance, canary, port)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        data = chance.choice(DAMAGES)(data, chance)
    return data


def _family(form: str) -> str:
    if form in ("ubl", "cii", "zugferd1", "fatturapa", "saft"):
        return "xml"
    return form if form in ("facturx", "pdf", "html", "stripe") else "text"


HUGE = [b"9" * 60, b"9" * 30_000, b"1e999999", b"1E-999999", b"-1e400", b"NaN", b"Infinity", b"-0", b"1_000", b"0x7f", b"1,234.5,6", b"",
        "٣".encode(), b"." * 50, b"\x00", b"1.0000000000000000000000000000000000000001", b"2026-13-45", b"00000000000000000001"]  # fmt: skip


def _truncated(data: bytes, chance: Chance) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _flipped(data: bytes, chance: Chance) -> bytes:
    out = bytearray(data)
    for _ in range(min(chance.choice([1, 3, 30]), len(out))):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def _cut(data: bytes, chance: Chance) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.choice([1, 10, 100, 1000]) :]


def _repeated(data: bytes, chance: Chance) -> bytes:
    start = chance.randrange(len(data) + 1)
    part = data[start : start + chance.choice([5, 50, 500])]
    return data[:start] + part * chance.choice([2, 10, 1000]) + data[start:]


def _noise(data: bytes, chance: Chance) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + chance.randbytes(chance.choice([1, 4, 64])) + data[start:]


def _number(data: bytes, chance: Chance) -> bytes:
    places = list(re.finditer(rb"\d[\d.,]*", data))
    if not places:
        return data
    place = chance.choice(places)
    return data[: place.start()] + chance.choice(HUGE) + data[place.end() :]


def _field_removed(data: bytes, chance: Chance) -> bytes:
    """A leaf element, a line, a key with its value, or a cell."""
    patterns = (rb"<([\w:.]+)[^<>]*>[^<>]*</\1>", rb"[^\n]*\n", rb'"\w+": ?[^,{}\[\]]+,? ?', rb"[^,;\n]*[,;]")
    pattern = chance.choice(patterns)
    places = list(re.finditer(pattern, data[:20_000]))  # enough; the patterns take long on what is long already
    if not places:
        return data
    place = chance.choice(places)
    return data[: place.start()] + data[place.end() :]


def _emptied(data: bytes, chance: Chance) -> bytes:
    places = list(re.finditer(rb">[^<>]+<", data[:20_000]))
    if not places:
        return data
    place = chance.choice(places)
    return data[: place.start()] + b"><" + data[place.end() :]


def _recoded(data: bytes, chance: Chance) -> bytes:
    text = data.decode("utf-8", errors="replace")
    return text.encode(
        chance.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "utf-7", "cp037", "utf-8-sig"]), errors="replace"
    )


def _relined(data: bytes, chance: Chance) -> bytes:
    return data.replace(b"\n", chance.choice([b"\r", b"\r\n", b"", b"\n\n\n", b"\x0b", "\u2028".encode()]))


DAMAGES: list[Callable[[bytes, Chance], bytes]] = [
    _truncated, _flipped, _cut, _repeated, _noise, _number, _number, _field_removed, _field_removed, _emptied, _recoded, _relined,
]  # fmt: skip


def _doctype(declarations: str, use: bytes) -> Callable[..., bytes]:
    """A document type before the root, and `use` in the place of a text."""

    def attack(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
        root = re.search(rb"<([A-Za-z][\w:.]*)", data)
        assert root is not None
        filled = declarations.format(canary=canary.as_uri(), port=port, root=root[1].decode())
        begin = root.start()
        rest = data[begin:]
        places = list(re.finditer(rb">([^<>]*\w[^<>]*)<", rest))
        place = chance.choice(places)
        rest = rest[: place.start(1)] + use + rest[place.end(1) :]
        whole = data[:begin] + filled.encode() + rest
        return whole.decode().encode("utf-16") if chance.random() < 0.2 else whole

    return attack


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
QUADRATIC = f'<!ENTITY a "{"a" * 50_000}">'


def _deep(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    depth = chance.choice([100, 300, 5000, 100_000])
    place = data.rfind(b"</")
    return data[:place] + b"<x>" * depth + (b"</x>" * depth if chance.random() < 0.5 else b"") + data[place:]


def _wide(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    places = list(re.finditer(rb"<([\w:.]+)[^<>]*>[^<>]*</\1>", data))
    place = chance.choice(places)
    return data[: place.start()] + place[0] * chance.choice([100, 30_000]) + data[place.end() :]


def _attributes(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    place = data.find(b">", data.find(b"<", 60))
    many = b" ".join(b'a%d="%d"' % (n, n) for n in range(chance.choice([10, 20_000])))
    return data[:place] + b" " + many + b' b="' + b"x" * chance.choice([10, 11_000_000]) + b'"' + data[place:]


def _included(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    place = data.rfind(b"</")
    target = chance.choice([canary.as_uri(), f"http://127.0.0.1:{port}/x"])
    parts = [
        f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{target}" parse="text"/>',
        f'<x xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x {target}"/>',
    ]
    begun = f'<?xml-stylesheet type="text/xsl" href="{target}"?>'.encode()
    root = re.search(rb"<[A-Za-z]", data)
    assert root is not None
    return data[: root.start()] + begun + data[root.start() : place] + chance.choice(parts).encode() + data[place:]


def _html_references(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    parts = "".join(
        f'<{tag} {name}="{target}"></{tag}>'
        for tag, name in (
            ("img", "src"),
            ("iframe", "src"),
            ("link", "href"),
            ("script", "src"),
            ("object", "data"),
            ("base", "href"),
        )
        for target in (canary.as_uri(), f"http://127.0.0.1:{port}/x")
    )
    return data.replace(b"<h1>", parts.encode() + b"<h1>")


def _html_spans(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    span = chance.choice([b"1000000000", b"65534", b"-5", b"x", b"9" * 5000])
    return data.replace(b"<td>", b"<td colspan=%s rowspan=%s>" % (span, chance.choice([span, b"2"])))


def _html_deep(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    depth = chance.choice([100, 300, 5000, 60_000])
    return data.replace(b"<h1>", chance.choice([b"<div>", b"<b>", b"<table><tr><td>", b"<p>"]) * depth + b"<h1>")


def _html_wide(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    row = b"<tr><td>Server</td><td>2</td><td>1.000,00</td><td>2.000,00</td></tr>"
    return data.replace(b"<tbody>", b"<tbody>" + row * chance.choice([1000, 19_000, 90_000]))


def _json_typed(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    """Any value, somewhere, becomes one of another type."""
    stated = json.loads(data)
    strange = [
        None,
        True,
        "",
        "x",
        -1,
        10**19,
        1.5,
        [],
        {},
        [[]],
        [None],
        {"object": "list", "data": {}},
        "NaN",
        "1e999999",
        "\ud800",
        "9" * 41,
    ]
    holder: Any = stated
    for _ in range(chance.randrange(1, 6)):
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            break
        key = chance.choice(keys)
        if isinstance(holder[key], dict | list) and chance.random() < 0.7:
            holder = holder[key]
        else:
            holder[key] = chance.choice(strange)
            break
    return json.dumps(stated).encode()


def _json_deep(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    depth = chance.choice([500, 50_000, 1_000_000])
    opened, closed = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return data[:-1] + b', "deep": ' + opened * depth + b"1" + closed * depth + b"}"


def _json_nested_lists(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    depth = chance.choice([1, 50, 400])
    return b'{"object": "list", "data": [' * depth + data + b"]}" * depth


def _json_twice(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    return data[:-1] + b', "total": 1}' + chance.choice([b"", data, b"\n" + data * 3, b",", b"]"])


def _bomb(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    """A page, a file inside, or a table of objects whose stream inflates to far more than anyone has."""
    megabytes = chance.choice([50, 300, 4000])
    return bombs(megabytes, chance.choice(["page", "file", "twice", "objects"]))


@lru_cache(maxsize=16)
def bombs(megabytes: int, place: str) -> bytes:
    text = b"BT /F1 9 Tf 40 800 Td (Hydra Hosting Ltd) Tj ET "
    block = (text * 25_000 if place == "page" else b"\0" * 1_000_000)[:1_000_000]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    once = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)  # stands alone, so it can be repeated
    packed = b"\x78\xda" + once * megabytes + deflate.flush()
    filters = b"/FlateDecode"
    if place == "twice":
        packed, filters = zlib.compress(packed, 9), b"[/FlateDecode /FlateDecode]"
    stream = b"<< /Filter %s /Length %d >>\nstream\n%s\nendstream" % (filters, len(packed), packed)
    plain = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text)
    kind = stream.replace(b"<<", b"<< /Type /ObjStm /N 1000000 /First 10", 1) if place == "objects" else stream
    names = b"/Names << /EmbeddedFiles << /Names [(factur-x.xml) 6 0 R] >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % names,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        stream if place in ("page", "twice") else plain,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Filespec /F (factur-x.xml) /UF (factur-x.xml) /EF << /F 7 0 R >> >>",
        kind if place in ("file", "objects") else plain,
    ]
    return assembled(objects)


def assembled(objects: list[bytes]) -> bytes:
    """A PDF of numbered objects, the first its catalog."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def _pdf_tree(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    """Pages that contain themselves, that are a million, or nested arrays without an end."""
    kids = chance.choice([b"[2 0 R]", b"[3 0 R 2 0 R]", b"[" + b"3 0 R " * 50_000 + b"]", b"[" * 50_000])
    count = chance.choice([b"1", b"2147483647", b"-1", b"99999999999999999999"])
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 1e30 1e30] /Contents 4 0 R >>"
    target = f"http://127.0.0.1:{port}/x"
    action = f"<< /S /URI /URI ({target}) >>" if chance.random() < 0.5 else f"<< /S /GoToR /F ({canary}) >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction %s >>" % action.encode(),
        b"<< /Type /Pages /Kids %s /Count %s >>" % (kids, count),
        page,
        chance.choice([b"4 0 R", b"<< /Length 4 0 R >>\nstream\nq\nendstream", b"<< /Length 999999999 >>\nstream\nq"]),
    ]
    return assembled(objects)


def _pdf_hostile_xml(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    """A sound PDF whose invoice inside is an attack."""
    return with_file(pdf(INVOICE), chance.choice(ATTACKS["xml"])(CII.encode(), chance, canary, port))


def _pdf_long(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    """Text that makes patterns work: many pages, long lines, repeated beginnings of what is sought."""
    line = chance.choice(["Invoice number: " * 20, "To pay " * 60, "a" * 400, "VAT 1" + "1" * 300, "Sum  " * 80])
    cells = [(40.0, 20.0 + row, line) for row in range(0, 800, 4)]
    return pdf(*([INVOICE] + [cells] * chance.choice([1, 10, 40])))


def _text_included(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    lines = [f"include {canary}\n", f'include "{canary}"\n', f"!include {canary}\n", 'plugin "os"\n', f'option "documents" "{canary.parent}"\n',
             f"=HYPERLINK(http://127.0.0.1:{port}/x)\n", f"=cmd|' /C cat {canary}'!A0,1,2\n"]  # fmt: skip
    place = chance.choice([0, data.find(b"\n") + 1, len(data)])
    return data[:place] + chance.choice(lines).encode() + data[place:]


def _text_nested(data: bytes, chance: Chance, canary: Path, port: int) -> bytes:
    depth = chance.choice([100, 5000, 200_000])
    place = data.rfind(b"\n", 0, -1) + 1
    return data[:place] + chance.choice([b"(", b"{", b'"', b"[", b"@ "]) * depth + data[place:]


ATTACKS: dict[str, list[Callable[..., bytes]]] = {
    "xml": [
        _doctype(f'<!DOCTYPE {{root}} [<!ENTITY a0 "ha">{LAUGHS}]>', b"&a11;"),
        _doctype(f"<!DOCTYPE {{root}} [{QUADRATIC}]>", b"&a;" * 20_000),
        _doctype('<!DOCTYPE {root} [<!ENTITY a SYSTEM "{canary}">]>', b"&a;"),
        _doctype('<!DOCTYPE {root} [<!ENTITY a SYSTEM "http://127.0.0.1:{port}/x">]>', b"&a;"),
        _doctype('<!DOCTYPE {root} SYSTEM "http://127.0.0.1:{port}/x.dtd">', b"1"),
        _doctype('<!DOCTYPE {root} SYSTEM "{canary}">', b"1"),
        _doctype('<!DOCTYPE {root} [<!ENTITY % a SYSTEM "{canary}"> %a;]>', b"&b;"),
        _doctype('<!DOCTYPE {root} [<!ENTITY % a SYSTEM "http://127.0.0.1:{port}/x"> %a;]>', b"&b;"),
        _doctype("", b"&undeclared;"),
        _doctype("", b"&#0;&#xD800;&#1114112;"),
        _doctype("", b"<![CDATA[" + b"1" * 100_000 + b"]]>"),
        _deep, _wide, _attributes, _included,
    ],
    "html": [_html_references, _html_spans, _html_deep, _html_wide, _attributes,
             _doctype('<!DOCTYPE {root} [<!ENTITY a SYSTEM "{canary}">]>', b"&a;")],
    "stripe": [_json_typed, _json_typed, _json_typed, _json_deep, _json_twice, _json_nested_lists],
    "facturx": [_bomb, _pdf_hostile_xml, _pdf_hostile_xml, _pdf_tree],
    "pdf": [_bomb, _pdf_tree, _pdf_long],
    "text": [_text_included, _text_nested],
}  # fmt: skip


def main(form: str, first: int, count: int, folder: Path, canary: Path, port: int) -> None:
    """Read the mutations and print what became of them."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, resource.RLIM_INFINITY))
    from billing_recon.cli.read import document_json
    from billing_recon.core.document import Document
    from billing_recon.core.errors import BillingReconError
    from billing_recon.core.journal import LedgerOptions
    from billing_recon.core.yaml_text import read_yaml
    from billing_recon.feeds.documents.document_rows import rows_of
    from billing_recon.feeds.documents.template import Template
    from billing_recon.feeds.file_reader import read_file
    from billing_recon.feeds.ledgers import as_json

    name, whole = samples()[form]
    templates = tuple(read_yaml(Template, text, "t.yaml") for text in (TEMPLATE, HTML_TEMPLATE))
    options = LedgerOptions(currency="EUR", dates="mdy", commodities={"$": "EUR"})
    path = folder / name
    path.write_bytes(whole)
    assert read_file(path, templates, options), "the whole file must be read"
    signal.signal(signal.SIGPROF, _late)
    told: dict[str, Any] = {"read": 0, "refused": 0, "crashes": [], "slowest": 0.0, "slowest_seed": None}
    for seed in range(first, first + count):
        data = mutated(form, whole, seed, canary, port)
        path.write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, SECONDS_MAX)
        began = process_time()
        try:
            for part in read_file(path, templates, options):
                json.dumps(document_json(part) if isinstance(part, Document) else as_json(part))
                if isinstance(part, Document):
                    rows_of(part)
            told["read"] += 1
        except BillingReconError as error:
            told["refused"] += 1
            if not str(error).strip():
                told["crashes"].append([seed, "an error without a word"])
        except BaseException:  # noqa: BLE001  # whatever else comes out is what this looks for
            told["crashes"].append([seed, traceback.format_exc()[-1500:]])
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        took = process_time() - began
        if took > told["slowest"]:
            told["slowest"], told["slowest_seed"] = round(took, 2), seed
        sys.stderr.write(f"{seed}\n")
    told["peak_mb"] = _peak_kb() // 1024
    told["child_peak_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    sys.stdout.write(json.dumps(told))


def _peak_kb() -> int:
    """The most this process ever held. getrusage would count the parent's too, whose pages a fork shares until it execs."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def _late(number: int, frame: object) -> None:
    raise TimeoutError(f"more than {SECONDS_MAX} seconds of processor time")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]), int(sys.argv[6]))
