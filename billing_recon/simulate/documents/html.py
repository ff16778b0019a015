"""A printed invoice as a web page, as a portal shows it. The template of the home (templates/portal.yaml) reads it back."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from billing_recon.core.money import plain
from billing_recon.simulate.documents.printed import PrintedInvoice

if TYPE_CHECKING:
    import jinja2


def html(invoice: PrintedInvoice) -> bytes:
    """The document as a file: UTF-8, without a script, a link or a style from elsewhere."""
    return _template().render(invoice=invoice).encode()


def shown(figure: Decimal) -> str:
    """A figure for a reader, in groups of three.

    >>> shown(Decimal("1819.90")), shown(Decimal("-24112")), shown(Decimal("0.00465"))
    ('1,819.90', '-24,112', '0.00465')
    """
    return f"{figure:,f}"


def shown_plain(figure: Decimal) -> str:
    """The same without zeros at the end, for quantities and prices.

    >>> shown_plain(Decimal("5295.9410"))
    '5,295.941'
    """
    return shown(Decimal(plain(figure)))


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("billing_recon.simulate.documents"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(shown=shown, plain=shown_plain)
    return environment.get_template("invoice.html")
