"""`python -m billing_recon_tests.vectors FILE.csv`: rates each row of a vector file under its engine's profile.

Prints each row that differs with what was expected and got, and closes with `N passed, M failed`; exit 1 on failures. A row
that cannot be read fails with a sentence. The rating is the product's own SQL, many rows at a time.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import duckdb
from pydantic import ValidationError

from billing_recon.core.catalog import Plan
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.profile import ENGINES, Profile
from billing_recon_tests.vector_cases import Case, Vector, case_of
from billing_recon_tests.vector_fields import VectorError
from billing_recon_tests.vector_rating import plan_of, rate_batch

COLUMNS = ("vector_id", "engine", "model", "params", "input", "expected", "expected_kind", "currency")
BINARY_RATIOS = ("lago",)
"""Engines that keep a ratio in binary floating point: theirs is met by the same binary number, or at the digits given."""


@dataclass(frozen=True)
class Outcome:
    """What became of one row: `problem` is empty where it passed."""

    vector: Vector
    problem: str = ""


def read(path: Path) -> list[Vector]:
    """The rows of a vector file; VectorError where it is none."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise VectorError(f"{path} has no column {', '.join(missing)}; a vector file has {', '.join(COLUMNS)}")
            return [
                Vector(
                    **{name: (row[name] or "").strip() for name in COLUMNS},
                    where=f"{row.get('path') or ''}:{row.get('line') or ''}".strip(":"),
                )
                for row in rows
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VectorError(f"{path} cannot be read: {error}") from None


def run(vectors: Sequence[Vector]) -> list[Outcome]:
    """Every row rated and compared, in the order given."""
    problems: dict[int, str] = {}
    batches: dict[Profile, dict[int, tuple[Case, Plan | None, str]]] = defaultdict(dict)
    for number, vector in enumerate(vectors):
        try:
            profile, case, plan = _prepared(number, vector)
            batches[profile][number] = (case, plan, vector.currency.upper() or "USD")
        except VectorError as error:
            problems[number] = str(error)
    answers: dict[int, Decimal] = {}
    for profile, cases in batches.items():
        found, failed = _rated(profile, cases)
        answers |= found
        problems |= failed
    for number, vector in enumerate(vectors):
        if number not in problems:
            problems[number] = _compared(vector, answers.get(number), vectors)
    return [Outcome(vector, problems[number]) for number, vector in enumerate(vectors)]


def _prepared(number: int, vector: Vector) -> tuple[Profile, Case, Plan | None]:
    if vector.engine not in ENGINES:
        raise VectorError(f"there is no profile of engine {vector.engine!r}; there are {', '.join(ENGINES)}")
    case, overrides = case_of(vector)
    try:
        profile = Profile.model_validate({"engine": vector.engine, **overrides})
    except ValidationError as error:
        raise VectorError(f"its parameters make no profile: {error.errors()[0]['msg']}") from None
    return profile, case, plan_of(number, case, vector.currency.upper() or "USD")


def _rated(
    profile: Profile, cases: dict[int, tuple[Case, Plan | None, str]]
) -> tuple[dict[int, Decimal], dict[int, str]]:
    """The batch's answers; where the batch as a whole cannot be computed, each row by itself, so that one spoils no other."""
    try:
        return rate_batch(profile, cases), {}
    except (VectorError, ConfigurationError, duckdb.Error, ValueError, ArithmeticError) as error:
        if len(cases) == 1:
            return {}, dict.fromkeys(cases, f"it cannot be computed: {str(error).splitlines()[0]}")
    answers: dict[int, Decimal] = {}
    problems: dict[int, str] = {}
    for number, case in cases.items():
        found, failed = _rated(profile, {number: case})
        answers |= found
        problems |= failed
    return answers, problems


def _compared(vector: Vector, got: Decimal | None, vectors: Iterable[Vector]) -> str:
    try:
        expected = Decimal(vector.expected)
    except InvalidOperation:
        return f"expected is {vector.expected!r}, which is not a figure"
    if got is None:
        return f"expected {vector.expected}, got nothing"
    if vector.expected_kind == "ratio" and vector.engine in BINARY_RATIOS:
        if float(got) == float(expected):
            return ""
        got = round(got, -int(expected.as_tuple().exponent))
    if got == expected:
        return ""
    twins = [v for v in vectors if _asked(v) == _asked(vector) and v.expected != vector.expected]
    told = f"; the file itself expects {twins[0].expected} of the same case in {twins[0].vector_id}" if twins else ""
    return f"expected {vector.expected}, got {got.normalize():f}{told}"


def _asked(vector: Vector) -> tuple[str, ...]:
    return (vector.engine, vector.model, vector.params, vector.input, vector.currency)


def main(argv: Sequence[str]) -> int:
    if len(argv) != 1:
        print("usage: python -m billing_recon_tests.vectors FILE.csv", file=sys.stderr)
        return 2
    try:
        outcomes = run(read(Path(argv[0])))
    except VectorError as error:
        print(error, file=sys.stderr)
        return 2
    failed = [outcome for outcome in outcomes if outcome.problem]
    for outcome in failed:
        vector = outcome.vector
        print(f"{vector.vector_id} {vector.engine} {vector.model}: {outcome.problem} ({vector.where})")
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
