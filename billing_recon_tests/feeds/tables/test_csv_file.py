"""However a CSV file's quotes are broken, each of its lines is in a row, in a rejected line, or the file is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_recon.compute.engine import session
from billing_recon.core.company import Feed
from billing_recon.core.errors import LandingRefused
from billing_recon.core.schema import KEY_MAP
from billing_recon.feeds.landing.loaded_file import REJECTED, TYPED, load, prepare
from billing_recon.feeds.tables.day_files import open_file

HOME = Path(tempfile.mkdtemp(prefix="billing-recon-lines-"))
CON = session()
PIECES = st.sampled_from(["a", "b", ",", ",", '"', "\n", "1,2,3\n", "1,2,3\n", '"x","y",z\n', '"x\ny",2,3\n', '""'])


@pytest.mark.long
@given(pieces=st.lists(PIECES, max_size=25))
@settings(max_examples=300, deadline=None)
def test_no_line_vanishes(pieces: list[str]) -> None:
    body = ""
    for piece in pieces:  # blank lines are no rows, so none are written
        body += piece if piece != "\n" or (body and not body.endswith("\n")) else ""
    body += "" if body.endswith("\n") or not body else "\n"
    path = HOME / "lines.csv"
    path.write_text("layer,their_key,our_key\n" + body, newline="")
    prepare(CON, KEY_MAP)
    try:
        file = open_file(HOME, path, Feed(), HOME)
        load(CON, number=1, file=file, spec=KEY_MAP, feed=Feed(), key="feeds.key_map", roles={})
    except LandingRefused:
        return
    within = " + ".join(
        f"length(coalesce({c}, '')) - length(replace(coalesce({c}, ''), chr(10), ''))" for c in KEY_MAP.names
    )
    rows = CON.execute(f"SELECT count(*), coalesce(sum({within}), 0) FROM {TYPED}").fetchall()[0]
    lines = CON.execute(f"SELECT line FROM {REJECTED}").fetchall()
    rejected = sum(1 + line.strip("\n").count("\n") for (line,) in lines)
    assert sum(rows) + rejected == body.count("\n")
