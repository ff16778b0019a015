"""The month's evidence for an auditor: a Great Expectations suite over the month's own figures, with Data Docs.

Great Expectations takes seconds to import, so it is imported only when the month-end step runs.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billing_recon.compute.engine import session
from billing_recon.core.schema import CONTROL_TOTALS
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.home import Home
from billing_recon.day.month_close import month_days

if TYPE_CHECKING:
    import pandas as pd


def write_month_evidence(home: Home, month: str) -> Path:
    """Validate the month's verdicts, control totals and row equations; return the folder of the evidence.

    `validation.json` lists every expectation with its outcome (amounts are compared as exact text); `data_docs/` shows the
    same as pages. RuntimeError if an expectation fails: the close has checked the same facts, so a failure here means
    that two of our own computations disagree.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations import expectations as expect
    from great_expectations.data_context.types.base import ProgressBarsConfig

    folder = home.state / "evidence" / month
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    context = gx.get_context(mode="file", project_root_dir=str(folder))
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("month")
    suites: dict[str, tuple[pd.DataFrame, list[Any]]] = {
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
    }
    outcomes: list[dict[str, str | bool]] = []
    for name, (frame, expectations) in suites.items():
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        suite = context.suites.add(gx.ExpectationSuite(name=name))
        for expectation in expectations:
            suite.add_expectation(expectation)
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name=name,
                validation_definitions=[definition],
                actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")],
            )
        )
        result = checkpoint.run(batch_parameters={"dataframe": frame})
        for validation in result.run_results.values():
            outcomes += [
                {"suite": name, "expectation": r.expectation_config.type, "success": bool(r.success)}
                for r in validation.results
                if r.expectation_config
            ]
    (folder / "validation.json").write_text(json.dumps(outcomes, indent=2) + "\n", encoding="utf-8")
    failed = [outcome for outcome in outcomes if not outcome["success"]]
    if failed:
        raise RuntimeError(f"the month's own figures contradict its close: {failed}; see {folder}")
    return folder


def _verdicts(home: Home, month: str) -> pd.DataFrame:
    import pandas as pd

    days = [str(day) for day in month_days(home, month)]
    latest = {day: home.control.latest_verdict(DAY_GATE, day) for day in days}
    return pd.DataFrame(
        [{"day": d, "verdict": str(v.verdict), "evidence_hash": v.evidence_hash} for d, v in latest.items() if v]
    )


def _control_totals(home: Home, month: str) -> pd.DataFrame:
    """Amounts as text: comparing texts of one scale is exact, and the pages show the same figures."""
    import pandas as pd

    days = month_days(home, month)
    con = session()
    table = con.sql(
        "SELECT CAST(day AS VARCHAR) AS day, pair, currency, meter, cohort, variant, "
        "CAST(delta AS VARCHAR) AS delta, CAST(break_net AS VARCHAR) AS break_net FROM "
        f"({home.warehouse.scan(CONTROL_TOTALS, days[0], days[-1])}) ORDER BY ALL"
    ).to_arrow_table()
    con.close()
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


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
