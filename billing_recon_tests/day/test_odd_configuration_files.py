"""Every file of a home that people write: a bomb, bytes that are no text, or too much of it is a configuration error within a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.yaml_text import MAX_CHARACTERS
from billing_recon.day import Home
from billing_recon.day.rollout.plan_file import read_plan
from billing_recon.day.shadow.candidate import open_candidate
from billing_recon.paging.operations_file import read_operations
from billing_recon_tests.core.test_yaml_text import LAUGHS

CANDIDATE = "purpose: a rise\nowner: pricing\nterms: {catalog: catalog/*.yaml}\n"
FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "the company": ("company.yaml", Home.open),
    "the policy": ("policies/policy.yaml", Home.open),
    "a catalog": ("catalog/plans.yaml", Home.open),
    "operations": ("operations.yaml", read_operations),
    "a rollout": ("rollouts/next.yaml", lambda home: read_plan(Home.open(home), "next")),
    "a candidate": ("shadow/c/candidate.yaml", lambda home: open_candidate(home, "c")),
    "a candidate's catalog": ("shadow/c/catalog/plans.yaml", lambda home: open_candidate(home, "c")),
}
ODD = {"a bomb": LAUGHS.encode(), "no text": b"name: \xff\xfe", "too much": b"# " + b"x" * MAX_CHARACTERS}


@pytest.mark.parametrize("file", FILES)
def test_an_odd_file_is_named_within_a_second(company: Callable[..., Path], file: str) -> None:
    home = company()
    name, read = FILES[file]
    (home / "shadow" / "c" / "catalog").mkdir(parents=True)
    (home / "shadow" / "c" / "candidate.yaml").write_text(CANDIDATE, encoding="utf-8")
    (home / name).parent.mkdir(exist_ok=True)
    for what, content in ODD.items():
        (home / name).write_bytes(content)
        begun = time.process_time()
        with pytest.raises(ConfigurationError) as refused:
            read(home)
        assert time.process_time() - begun < 1, what
        assert any(Path(name).name in problem for problem in refused.value.problems), (what, refused.value.problems)


@pytest.mark.parametrize("pattern", ["../../../other/*.yaml", "/etc/*.yaml", "~/plans.yaml", "a/../../x.yaml"])
def test_a_candidates_catalog_lies_in_its_folder(company: Callable[..., Path], pattern: str) -> None:
    home = company()
    (home / "shadow" / "c").mkdir(parents=True)
    (home / "shadow" / "c" / "candidate.yaml").write_text(
        CANDIDATE.replace("catalog/*.yaml", pattern), encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match=r"candidate\.yaml:3: .*leads out of the home"):
        open_candidate(home, "c")
