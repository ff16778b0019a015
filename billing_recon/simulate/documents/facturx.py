"""A printed invoice as Factur-X: the page for people, and the CII of the same figures attached to it.

The attachment is embedded here with pypdf, since the library that usually does it writes the time of day into the file.
"""

from __future__ import annotations

import io

from lxml import etree
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from billing_recon.simulate.documents.cii import cii
from billing_recon.simulate.documents.page import pages
from billing_recon.simulate.documents.printed import PrintedInvoice
from billing_recon.simulate.markup import Maker

ATTACHED_AS = "factur-x.xml"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC = "http://purl.org/dc/elements/1.1/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_FX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"


def facturx(invoice: PrintedInvoice) -> bytes:
    """The document as a file. Its dates are the day of issue, so that equal invoices give equal bytes.

    The page names its fonts without embedding them, so it is a hybrid invoice but no PDF/A-3 for an archive.
    """
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pages(invoice))))
    written_at = f"D:{invoice.issued_on:%Y%m%d}234000Z"
    xml = cii(invoice)
    plain = DecodedStreamObject()
    plain.set_data(xml)
    attached = plain.flate_encode()
    attached.update(
        {
            NameObject("/Type"): NameObject("/EmbeddedFile"),
            NameObject("/Subtype"): NameObject("/text/xml"),
            NameObject("/Params"): DictionaryObject(
                {
                    NameObject("/ModDate"): TextStringObject(written_at),
                    NameObject("/Size"): NumberObject(len(xml)),
                }
            ),
        }
    )
    stored = writer._add_object(attached)
    name = TextStringObject(ATTACHED_AS)
    specification = writer._add_object(
        DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Filespec"),
                NameObject("/F"): name,
                NameObject("/UF"): name,
                NameObject("/Desc"): TextStringObject("Factur-X invoice"),
                NameObject("/AFRelationship"): NameObject("/Data"),
                NameObject("/EF"): DictionaryObject({NameObject("/F"): stored, NameObject("/UF"): stored}),
            }
        )
    )
    described = DecodedStreamObject()
    described.set_data(_description(invoice))
    described.update({NameObject("/Type"): NameObject("/Metadata"), NameObject("/Subtype"): NameObject("/XML")})
    files = DictionaryObject({NameObject("/Names"): ArrayObject([name, specification])})
    writer.root_object.update(
        {
            NameObject("/AF"): ArrayObject([specification]),
            NameObject("/Names"): DictionaryObject({NameObject("/EmbeddedFiles"): files}),
            NameObject("/Metadata"): writer._add_object(described),
            NameObject("/Lang"): TextStringObject("en"),
        }
    )
    writer.add_metadata({"/CreationDate": written_at, "/ModDate": written_at, "/Producer": "billing_recon"})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _description(invoice: PrintedInvoice) -> bytes:
    """XMP metadata for Factur-X validators and readers: what the attachment is, and its profile."""
    title, author, at = f"Invoice {invoice.invoice_id}", invoice.seller.name, f"{invoice.issued_on}T23:40:00Z"
    names = {"x": "adobe:ns:meta/", "rdf": _RDF, "dc": _DC, "xmp": _XMP, "fx": _FX}
    x, rdf, dc, xmp, fx = (Maker(namespace, names) for namespace in names.values())
    titled, description = rdf("li", title), rdf("Description")
    titled.set("{http://www.w3.org/XML/1998/namespace}lang", "x-default")
    description.set(f"{{{_RDF}}}about", "")
    description.extend(
        [
            dc("title", rdf("Alt", titled)),
            dc("creator", rdf("Seq", rdf("li", author))),
            xmp("CreateDate", at),
            xmp("ModifyDate", at),
            fx("DocumentType", "INVOICE"),
            fx("DocumentFileName", ATTACHED_AS),
            fx("Version", "1.0"),
            fx("ConformanceLevel", "EN 16931"),
        ]
    )
    packet = x("xmpmeta", rdf("RDF", description))
    etree.indent(packet)
    begin, end = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>', '<?xpacket end="r"?>'
    return f"{begin}\n{etree.tostring(packet, encoding='unicode')}\n{end}\n".encode()
