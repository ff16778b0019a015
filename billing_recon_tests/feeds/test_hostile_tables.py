"""Broken and hostile workbooks, archives, JSON and statements: each is read or refused in words, never with another error."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.feeds import statements
from billing_recon.feeds.tables.day_files import Content, open_table, tables_in
from billing_recon_tests.feeds.hostile import DAMAGES
from billing_recon_tests.feeds.sheets import DATE, TIME, Number, workbook
from billing_recon_tests.feeds.statements.test_statements import MT940, camt

SEEDS = range(60)
ROWS = [["a", "b"], ["x", Number("46083.5", TIME)], [Number("1.5"), Number("46083", DATE)]]
SAMPLES: dict[str, bytes] = {
    "f.xlsx": workbook(("R", ROWS)),
    "f.json": b'{"data": [{"a": 1.5, "b": {"c": [1, 2]}}, {"a": "\\u00e9", "b": null}], "has_more": false}',
    "camt.xml": camt().encode(),
    "f.sta": MT940.encode(),
}


def rezipped(data: bytes, chance: random.Random) -> bytes:
    """A workbook with one of its parts damaged, packed again, so that the damage reaches the reader of the part."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        names = source.namelist()
        chosen = chance.choice(names)
        for name in names:
            content = source.read(name)
            target.writestr(name, chance.choice(DAMAGES)(content, chance) if name == chosen else content)
    return out.getvalue()


def read(path: Path, scratch: Path) -> int:
    """Read a file as its feed would, and return the number of bytes or entries read."""
    if path.suffix in (".xml", ".sta"):
        return sum(1 for _ in statements.read(path.name, path, "statement", None))
    (content, *_), _ = tables_in(path.parent, path, Feed(), scratch)
    return open_table(Content(content.name, content.sha256, content.readable), Feed(), scratch).size


def said_of(path: Path, scratch: Path) -> str:
    """Return why a file is refused, empty if it is read."""
    try:
        read(path, scratch)
    except LandingRefused as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", SAMPLES)
def test_every_mutation_is_read_or_refused(name: str, tmp_path: Path) -> None:
    outcomes = []
    for seed in SEEDS:
        chance = random.Random(f"{name} {seed}")
        data = SAMPLES[name]
        if name == "f.xlsx" and chance.random() < 0.7:
            data = rezipped(data, chance)
        else:
            data = chance.choice(DAMAGES)(data, chance)
        path = tmp_path / f"{seed}_{name}"
        path.write_bytes(data)
        scratch = tmp_path / f"scratch{seed}"
        scratch.mkdir()
        outcomes.append(said_of(path, scratch))
    assert "" in outcomes, "some are read"
    assert [said for said in outcomes if said and "_" + name not in said] == [], "each refusal names the file"
    assert any(outcomes), "some are refused"


def test_a_part_of_a_workbook_that_declares_entities_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SAMPLES["f.xlsx"])) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("sheet1.xml"):
                content = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + content
            target.writestr(name, content)
    path = tmp_path / "f.xlsx"
    path.write_bytes(out.getvalue())
    with pytest.raises(LandingRefused, match="declares a document type"):
        read(path, tmp_path)
