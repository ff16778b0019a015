"""Verify an evidence pack on its own: its files, its signature, and its figures computed again. No home is needed."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from billing_recon.compute.engine import Limits, session
from billing_recon.control.audit_heads import Head, why_not_genuine
from billing_recon.core.errors import ConfigurationError
from billing_recon.report.evidence_pack import BOOKS, HEAD, MANIFEST, PREDICATE, result_csv
from billing_recon.report.in_toto import read_statement


@dataclass(frozen=True, slots=True)
class Checked:
    """What a pack is about, what is wrong with it, and what was computed again."""

    about: dict[str, Any]
    problems: tuple[str, ...]
    signed: bool
    files: int
    figures: int


def verify_pack(path: Path) -> Checked:
    """Check a pack. ConfigurationError if the file is no evidence pack."""
    try:
        with zipfile.ZipFile(path) as pack:
            names = pack.namelist()
            content, problems, signed = read_statement(pack.read(MANIFEST).decode("utf-8"))
            if content.get("predicateType") != PREDICATE:
                raise ValueError(f"its statement is about {content.get('predicateType')}")
            if not isinstance(content["predicate"], dict):
                raise ValueError("its statement says nothing of a month")
            subjects = {str(one["name"]): str(one["digest"]["sha256"]) for one in content["subject"]}
            problems += list(_files(pack, names, subjects))
            problems += _head(pack, subjects)
            if not problems:
                problems += list(_figures(pack, subjects))
            return Checked(content["predicate"], tuple(problems), signed, len(subjects), len(BOOKS))
    except FileNotFoundError:
        raise ConfigurationError(f"there is no file {path}") from None
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no evidence pack: {error}") from None


def _files(pack: zipfile.ZipFile, names: list[str], subjects: dict[str, str]) -> Iterator[str]:
    for name in sorted(set(names) - set(subjects) - {MANIFEST}):
        yield f"{name} is in the pack and not in its manifest"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is in the pack twice"
    for name, digest in sorted(subjects.items()):
        if name not in names:
            yield f"{name} is in the manifest and not in the pack"
            continue
        found = hashlib.sha256()
        with pack.open(name) as file:
            while block := file.read(1 << 20):
                found.update(block)
        if found.hexdigest() != digest:
            yield f"{name} was changed: its content is not what the manifest says"


def _head(pack: zipfile.ZipFile, subjects: dict[str, str]) -> list[str]:
    """What does not hold of the head of the audit chain at the close: its signature and its time stamp.

    Whose signature the pack needs is asked of its manifest, which covers the head.
    """
    if HEAD not in subjects or HEAD not in pack.namelist():
        return []
    try:
        head = Head(**json.loads(pack.read(HEAD)))
    except (ValueError, TypeError, RecursionError):
        return [f"{HEAD} is no head of an audit chain"]
    problem = why_not_genuine(head, None)
    return [f"{HEAD}: the head of {head.at} for {head.purpose} {problem}"] if problem else []


def _figures(pack: zipfile.ZipFile, subjects: dict[str, str]) -> Iterator[str]:
    """Compute the figures again. The pack's SQL sees its inputs and can neither read nor write any other file."""
    with tempfile.TemporaryDirectory() as folder:
        con = session(Limits(spill_dir=str(Path(folder) / "spill")))
        try:
            for name in sorted(n for n in subjects if n.startswith("inputs/")):
                file, table = Path(folder) / "input.parquet", Path(name).stem
                if not table.isidentifier():
                    yield f"{name} is no input of the books"
                    return
                with pack.open(name) as source, file.open("wb") as out:
                    shutil.copyfileobj(source, out)
                con.execute(f'CREATE TABLE "{table}" AS SELECT * FROM read_parquet(?)', [str(file)])
            con.execute("SET enable_external_access = false")
            con.execute("SET lock_configuration = true")
            con.execute(pack.read("sql/2_books.sql").decode("utf-8"))
            for name, query in BOOKS.items():
                if result_csv(con, query).encode() != pack.read(f"figures/{name}.csv"):
                    yield f"figures/{name}.csv is not what the SQL gives from the inputs"
            footing = f"SELECT pair, currency FROM ({BOOKS['footing']}) WHERE delta <> break_net OR break_net <> net"
            for pair, currency in con.execute(footing).fetchall():
                yield f"{pair} {currency or 'units'}: the layers differ by another amount than their breaks"
        except (duckdb.Error, KeyError) as error:
            yield f"the figures cannot be computed again: {str(error).splitlines()[0]}"
        finally:
            con.close()
