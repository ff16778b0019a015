"""A month needs three roles by three people under one evidence."""

from __future__ import annotations

import pytest

from billing_recon.core.policy import Approver
from billing_recon.core.signoff import Role, SignOff, missing_sign_offs, roles_of

APPROVERS = (
    Approver(name="Ana", role="finance"),
    Approver(name="Bo", role="product"),
    Approver(name="Cy", role="engineering"),
    Approver(name="Di", role="finance"),
    Approver(name="Di", role="product"),
)


def signed(*pairs: tuple[str, Role], evidence: str = "e1") -> list[SignOff]:
    return [SignOff("2026-03", approver, role, evidence) for approver, role in pairs]


ALL = (("Ana", Role.FINANCE), ("Bo", Role.PRODUCT), ("Cy", Role.ENGINEERING))


def test_three_people_in_three_roles_are_enough() -> None:
    assert missing_sign_offs(signed(*ALL), "e1", APPROVERS) == ()


def test_every_missing_role_is_named_with_who_may_sign() -> None:
    assert missing_sign_offs([], "e1", APPROVERS) == (
        "finance: not signed yet; policy names Ana, Di",
        "product: not signed yet; policy names Bo, Di",
        "engineering: not signed yet; policy names Cy",
    )


def test_a_signature_under_other_evidence_does_not_count() -> None:
    missing = missing_sign_offs(signed(*ALL[:2]) + signed(ALL[2], evidence="old"), "e1", APPROVERS)
    assert len(missing) == 1
    assert "Cy signed for engineering at evidence old, and the month's evidence is now e1" in missing[0]


def test_a_signature_that_policy_does_not_allow_does_not_count() -> None:
    missing = missing_sign_offs(signed(*ALL[:2], ("Eve", Role.ENGINEERING)), "e1", APPROVERS)
    assert missing == ("engineering: Eve signed for engineering, but policy does not allow it",)


def test_one_person_does_not_stand_for_two_roles() -> None:
    missing = missing_sign_offs(signed(("Di", Role.FINANCE), ("Di", Role.PRODUCT), ALL[2]), "e1", APPROVERS)
    assert missing == ("product: Di already signs for another role; three different people must sign",)


@pytest.mark.parametrize("other", [ALL[0], ALL[1]])
def test_somebody_in_two_roles_is_counted_where_they_are_needed(other: tuple[str, Role]) -> None:
    both = signed(("Di", Role.FINANCE), ("Di", Role.PRODUCT), other, ALL[2])
    assert missing_sign_offs(both, "e1", APPROVERS) == ()


def test_the_roles_of_a_person_are_those_of_the_policy() -> None:
    assert roles_of("Di", APPROVERS) == (Role.FINANCE, Role.PRODUCT)
    assert roles_of("Eve", APPROVERS) == ()
