"""Whatever is written into a configuration file gives an error with its line, within a second, and never a crash."""

from __future__ import annotations

import time

import pytest

from billing_recon.core.catalog_file import load_catalog
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.policy import Policy
from billing_recon.core.yaml_text import MAX_CHARACTERS, read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
ODD = {
    "ten lines of aliases that stand for billions": LAUGHS,
    "the same as a key": f"{LAUGHS}? *j\n: 1\n",
    "a list that contains itself": "a: &a [*a]",
    "a key that contains itself": "? &a [*a]\n: 1",
    "100,000 brackets": "a: " + "[" * 100_000,
    "5,000 nested mappings": "a: " + "{a: " * 5000,
    "a list as a key": "? [a, b]\n: 1",
    "a mapping as a key": "? {a: b}\n: 1",
    "a number, nothing and a day as keys": "1: 2\nnull: 3\n2026-01-01: 4\n",
    "a day that does not exist": "effective_from: 2026-02-30",
    "an hour that does not exist": "a: 2026-01-01T99:00:00",
    "a number of 5,000 digits": "gate: {max_breaks: " + "9" * 5000 + "}",
    "a float for a limit": "tolerances:\n- {pair: billed_paid, level: line, absolute: 1.5}",
    "not a number": "gate: {max_breaks: .nan}",
    "a Python object": "a: !!python/object/apply:os.system [ls]",
    "a NUL character": 'a: "\0"',
    "half a character": 'owners: {default: "\\uD800"}',
    "an unknown alias": "a: *nowhere",
    "a quote that is never closed": 'a: "b',
    "two documents": "---\na: 1\n---\nb: 2\n",
    "more text than any policy has": "# " + "x" * MAX_CHARACTERS,
    "a name with control characters": 'approvers: [{name: "Ana\\e[2J", role: finance}]',
    "a currency that there is none of": "tolerances:\n- {pair: billed_paid, level: line, currency: EURO}",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_text_is_a_configuration_error_within_a_second(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(ConfigurationError) as refused:
        read_yaml(Policy, text, "policy.yaml")
    assert time.process_time() - begun < 1
    assert all(problem.startswith("policy.yaml") for problem in refused.value.problems)
    with pytest.raises(ConfigurationError):
        load_catalog([("plans.yaml", text)])


def test_every_problem_has_its_own_line() -> None:
    text = "gate:\n  max_breaks: -1\ntolerances:\n- {pair: billed_paid, level: line}\n- pair: nowhere\n  level: line\n"
    with pytest.raises(ConfigurationError) as refused:
        read_yaml(Policy, text + "\nowners:\n  default: a\n  NO_CODE: b\nwindow: {}\n", "policy.yaml")
    lines = [problem.split(": ")[:2] for problem in refused.value.problems]
    assert lines == [
        ["policy.yaml:5", "tolerances[1].pair"],
        ["policy.yaml:8", "owners"],
        ["policy.yaml:2", "gate.max_breaks"],
        ["policy.yaml:11", "window"],
    ]
    with pytest.raises(ConfigurationError, match=r"policy.yaml:3: not valid YAML: owners given twice"):
        read_yaml(Policy, "# one\n# two\nowners: {}\nowners: {}\n", "policy.yaml")


def test_an_alias_that_repeats_little_is_read() -> None:
    text = "tolerances:\n- {pair: billed_paid, level: line, absolute: &cent '0.01'}\n- {pair: billed_paid, level: invoice, absolute: *cent}"
    assert {str(one.absolute) for one in read_yaml(Policy, text, "policy.yaml").tolerances} == {"0.01"}
