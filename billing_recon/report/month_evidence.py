"""The month's own figures, validated once more by Great Expectations, as its Data Docs: pages that open offline.

Great Expectations takes seconds to import, so it is imported only when a month's evidence is written. The same month gives the
same bytes: what its renderer takes from the clock, from chance and from the network is taken out.
"""

from __future__ import annotations

import html
import json
import os
import re
from datetime import date
from itertools import count
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from billing_recon.compute.engine import scratch
from billing_recon.core.schema import CANONICAL, CONTROL_TOTALS, TableSpec
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.home import Home
from billing_recon.day.month_close import month_days

if TYPE_CHECKING:
    import pandas as pd

_REMOTE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*https://[^>]*>|<img\b[^>]*https://[^>]*>|<footer\b.*?</footer>", re.DOTALL
)
_CHANCE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def data_docs(home: Home, month: str) -> tuple[dict[str, bytes], list[dict[str, str | bool]]]:
    """The pages by name, and the expectations that failed. Amounts are compared as exact text.

    The close has checked the same facts, so a failure means that two of our own computations disagree.
    `validation.json` lists every expectation with its outcome; `index.html` leads to one page for each suite.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    outcomes: list[dict[str, str | bool]] = []
    pages: dict[str, str] = {}
    with TemporaryDirectory() as folder:  # the library keeps its own settings there; nothing of them is evidence
        context = gx.get_context(mode="file", project_root_dir=folder)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_pandas("month")
        for name, (frame, expectations) in _suites(home, month).items():
            whole = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
            suite = gx.ExpectationSuite(name=name, expectations=expectations)
            result = whole.get_batch(batch_parameters={"dataframe": frame}).validate(suite)
            outcomes += [
                {"suite": name, "expectation": one.expectation_config.type, "success": bool(one.success)}
                for one in result.results
                if one.expectation_config
            ]
            run = {"run_name": month, "run_time": str(month_days(home, month)[-1])}
            result.meta = {"great_expectations_version": gx.__version__, "run_id": run}
            document = ValidationResultsPageRenderer().render(result)
            page = DefaultJinjaPageView().render(document)  # type: ignore[no-untyped-call]
            pages[f"{name}.html"] = _offline(page)
    pages["index.html"] = _index(home, month, outcomes)
    pages["validation.json"] = json.dumps(outcomes, indent=2) + "\n"
    failed = [outcome for outcome in outcomes if not outcome["success"]]
    return {name: text.encode() for name, text in pages.items()}, failed


def _suites(home: Home, month: str) -> dict[str, tuple[pd.DataFrame, list[Any]]]:
    from great_expectations import expectations as expect

    def none(*columns: str) -> list[Any]:
        return [expect.ExpectColumnValuesToBeInSet(column=column, value_set=[0]) for column in columns]

    return {
        "verdicts": (
            _verdicts(home, month),
            [
                expect.ExpectTableRowCountToEqual(value=len(month_days(home, month))),
                expect.ExpectColumnValuesToBeInSet(column="verdict", value_set=["PASS"]),
                expect.ExpectColumnValuesToBeUnique(column="day"),
            ],
        ),
        "control_totals": (
            _control_totals(home, month),
            [
                expect.ExpectColumnPairValuesToBeEqual(column_A="delta", column_B="break_net"),
                expect.ExpectCompoundColumnsToBeUnique(
                    column_list=["day", "pair", "currency", "meter", "cohort", "variant"]
                ),
            ],
        ),
        "row_equation": (
            _row_equation(home, month),
            [expect.ExpectColumnPairValuesToBeEqual(column_A="rows_in", column_B="accounted_for")],
        ),
        "layers": (
            _layers(home, month),
            [
                expect.ExpectColumnPairValuesToBeEqual(column_A="rows", column_B="accepted"),
                expect.ExpectCompoundColumnsToBeUnique(column_list=["day", "table"]),
                *none("lacking_a_required_value", "in_another_currency"),
            ],
        ),
    }


def _verdicts(home: Home, month: str) -> pd.DataFrame:
    import pandas as pd

    latest = home.control.verdicts(DAY_GATE, [str(day) for day in month_days(home, month)])
    rows = [{"day": d, "verdict": str(v.verdict), "evidence_hash": v.evidence_hash} for d, v in latest.items()]
    return pd.DataFrame(rows, columns=["day", "verdict", "evidence_hash"])


def _control_totals(home: Home, month: str) -> pd.DataFrame:
    """Amounts as text: comparing texts of one scale is exact, and the pages show the same figures."""
    days = month_days(home, month)
    return _frame(
        "SELECT CAST(day AS VARCHAR) AS day, pair, currency, meter, cohort, variant, "
        "CAST(delta AS VARCHAR) AS delta, CAST(break_net AS VARCHAR) AS break_net FROM "
        f"({home.warehouse.scan(CONTROL_TOTALS, days[0], days[-1])}) ORDER BY ALL"
    )


def _row_equation(home: Home, month: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "day": str(day),
                "table": report.table,
                "rows_in": report.rows_in,
                "accounted_for": report.accepted + report.quarantined + report.duplicates,
            }
            for day in month_days(home, month)
            for report in home.control.landing_reports(day)
        ]
    )


def _layers(home: Home, month: str) -> pd.DataFrame:
    """Each landed table's day as it is in the warehouse: its rows, and how many are not as its contract wants them."""
    import pandas as pd

    days = month_days(home, month)
    frame = _frame(" UNION ALL ".join(_layer(home, spec, days[0], days[-1]) for spec in CANONICAL))
    reports = [report for day in days for report in home.control.landing_reports(day) if report.accepted]
    accepted = pd.DataFrame(
        [{"day": str(report.day), "table": report.table, "accepted": report.accepted} for report in reports],
        columns=["day", "table", "accepted"],
    )
    joined = accepted.merge(frame, on=["day", "table"], how="outer").fillna({"accepted": 0, "rows": 0})
    return joined.sort_values(["day", "table"], ignore_index=True)


def _layer(home: Home, spec: TableSpec, first: date, last: date) -> str:
    rows = home.warehouse.scan(spec, first, last)
    names = {column.name for column in spec.columns}
    required = [column.name for column in spec.columns if not column.nullable and column.name != "day"]
    lacking = " OR ".join(f'"{name}" IS NULL' for name in required) or "false"
    known = ", ".join(f"'{currency}'" for currency in home.company.currencies)
    other = f"currency NOT IN ({known})" if "currency" in names else "false"
    return (
        f"SELECT CAST(day AS VARCHAR) AS day, '{spec.name}' AS \"table\", count(*) AS rows, "
        f"count(*) FILTER (WHERE {lacking}) AS lacking_a_required_value, "
        f"count(*) FILTER (WHERE {other}) AS in_another_currency FROM ({rows}) GROUP BY day"
    )


def _frame(query: str) -> pd.DataFrame:
    import pandas as pd

    with scratch() as con:
        frame: pd.DataFrame = con.sql(query).to_arrow_table().to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _offline(page: str) -> str:
    """A page of the renderer without what it would load from elsewhere, and with its ids numbered instead of drawn by lot."""
    bare = _REMOTE.sub("", page)
    drawn = count(1)
    numbers = {found: f"id-{next(drawn)}" for found in dict.fromkeys(_CHANCE.findall(bare))}
    return _CHANCE.sub(lambda match: numbers[match[0]], bare)


def _index(home: Home, month: str, outcomes: list[dict[str, str | bool]]) -> str:
    """The page that leads to those of the suites."""
    suites = dict.fromkeys(str(outcome["suite"]) for outcome in outcomes)
    items = []
    for suite in suites:
        mine = [outcome for outcome in outcomes if outcome["suite"] == suite]
        held = sum(bool(outcome["success"]) for outcome in mine)
        items.append(f'<li><a href="{suite}.html">{suite}</a>: {held} of {len(mine)} expectations hold</li>')
    title = html.escape(f"{home.company.name}: the figures of {month}")
    listed = "\n".join(items)
    return f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n<body><h1>{title}</h1>\n<ul>\n{listed}\n</ul></body></html>\n'
