"""The text of a PDF's pages in two orders: as written, and as seen, with columns aligned by spaces."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from statistics import quantiles
from typing import Literal

from billing_recon.feeds.documents.pdf_reader import Run, open_pdf, placed

Order = Literal["content", "layout"]

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_BLANK = re.compile(r"[^\S\n\f]")
WIDEST_LINE = 1000
"""Characters of a laid-out line. A run further right (off any page) follows the one before it."""


def text_of(data: bytes, order: Order) -> str:
    """Return the normalised text, with a form feed on its own line between pages; "" for a PDF without a text layer.

    `content` is fast and fits most PDFs; `layout` is for pages whose columns or rows were drawn in another order. Raise
    DocumentUnreadable if the PDF cannot be opened.
    """
    return normalised(open_pdf(data).page if order == "content" else laid_out(placed(data)))


def normalised(text: str) -> str:
    r"""Return text as patterns see it: plain spaces, letters for ligatures, newlines at line ends.

    >>> normalised("ﬁne\u00a0\u202f1\r\ntwo\fthree")
    'fine  1\ntwo\n\x0c\nthree'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\f\n").translate(_LIGATURES)
    return _BLANK.sub(" ", lines).replace("\u00ad", "").replace("\ufffe", "-")


def laid_out(pages: Iterable[list[Run]]) -> str:
    """Return lines from top to bottom and runs from left to right; a wide gap becomes at least two spaces.

    >>> page = [Run("4.00", 100, 120, 700, 10), Run("Disk", 10, 30, 700.4, 10), Run("Total", 10, 35, 680, 10)]
    >>> print(laid_out([page]))
    Disk              4.00
    Total
    """
    return "\f".join(map(_page, pages))


def _page(runs: list[Run]) -> str:
    visible = [run for run in runs if run.text.strip()]
    margin = min((run.left for run in visible), default=0.0)
    width = _width(visible)
    return "\n".join(_line(line, margin, width) for line in _lines(visible))


def _width(visible: list[Run]) -> float:
    """Return the width of a text column, narrower than most characters, so that aligned texts have room."""
    widths = [(run.right - run.left) / len(run.text) for run in visible if run.right > run.left]
    narrow = quantiles(widths, n=4)[0] if len(widths) > 1 else (widths[0] if widths else 1.0)
    return max(narrow, 0.5)


def _lines(runs: list[Run]) -> Iterable[list[Run]]:
    """Group runs into lines: their base lines differ by at most a third of their height."""
    line: list[Run] = []
    for run in sorted(runs, key=lambda run: (-run.base, run.left)):
        if line and line[0].base - run.base > max(0.35 * min(line[0].height, run.height), 1.0):
            yield line
            line = []
        line.append(run)
    if line:
        yield line


def _line(runs: list[Run], margin: float, width: float) -> str:
    pieces: list[str] = []
    length, end = 0, -math.inf
    for run in sorted(runs, key=lambda run: (run.left, run.base)):
        gap = run.left - end
        if not pieces:
            space = _column(run.left - margin, width)
        elif gap < 0.12 * run.height:
            space = 0
        elif gap < 0.8 * run.height:
            space = 1
        else:
            space = max(_column(run.left - margin, width) - length, 2)
        pieces.append(" " * space + run.text)
        length += space + len(run.text)
        end = max(end, run.right)
    return "".join(pieces).rstrip()


def _column(left: float, width: float) -> int:
    return min(max(round(left / width), 0), WIDEST_LINE)
