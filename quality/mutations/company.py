"""A mutated company: a clean one is simulated, its bills are edited in turn, and its files are rewritten."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from billing_recon.simulate import simulate
from quality.mutations.books import Books
from quality.mutations.finding import Finding, Mutation
from quality.mutations.rewrites import rename, write
from quality.mutations.table import MUTATIONS

COLUMNS = ("mutation", "codes", "pair", "invoice_id", "line_id", "subscription_id", "day", "delta", "required")


@dataclass(frozen=True)
class Applied:
    """A mutation that found its bill, and what it foretells."""

    mutation: str
    bill: str
    findings: tuple[Finding, ...]


def write_mutated(
    seed: int,
    out: Path,
    first: date,
    last: date,
    *,
    customers: int = 40,
    only: tuple[str, ...] = (),
    harmless: bool = True,
) -> list[Applied]:
    """A clean company of `seed` in `out`, mutated; `foretold.csv` states what must be found.

    Every bill gets at most one mutation, so there may not be room for all of them; each seed starts with another one.
    `only`: only these mutations. `harmless`: the files are rewritten, in other forms and with other names.
    """
    simulate(seed=seed, first=first, last=last, customers=customers, faults={}, out=out)
    books = Books(out, seed, first, last)
    if harmless and seed % 2 == 0:
        rename(books)
    return mutate(books, only, start=seed * 37, harmless=harmless)


def mutate(books: Books, only: tuple[str, ...] = (), *, start: int = 0, harmless: bool = True) -> list[Applied]:
    """Apply the mutations in turn to the bills of clean books, beginning with the one at `start`, and write all files."""
    chosen = [one for one in MUTATIONS if not only or one.name in only]
    start %= len(chosen)
    applied = [one for mutation in (*chosen[start:], *chosen[:start]) if (one := _apply(books, mutation))]
    write(books, harmless=harmless)
    _foretell(books.home, applied)
    return applied


def _apply(books: Books, mutation: Mutation) -> Applied | None:
    """The first free bill that the mutation fits. One that answers None may have edited rows: that is taken back."""
    for bill in list(books.free):
        before = books.remember(bill)
        books.free.remove(bill)
        findings = mutation.strike(books, bill)
        if findings is not None:
            return Applied(mutation.name, bill.name, tuple(findings))
        books.recall(bill, before)
    return None


def _foretell(out: Path, applied: list[Applied]) -> None:
    with (out / "foretold.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for one in applied:
            for f in one.findings:
                cells = ("|".join(f.codes), f.pair, f.invoice, f.line, f.subscription, f.day or "", f.delta, f.required)
                writer.writerow((one.mutation, *cells))
