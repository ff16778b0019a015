"""Ways to get a bad rollout promoted, or more customers exposed, past the gate: each is tried, and refused."""

from __future__ import annotations

import pytest

from billing_recon.core.errors import CloseRefused, GateRefused
from billing_recon.day import Home, land
from billing_recon.day.rollout import flags, switch
from billing_recon.day.rollout.cohorts import write_members
from billing_recon.day.rollout.plan_file import write_down
from billing_recon.day.rollout.state import State, live
from billing_recon_tests.day.rollout.launch import DAY, NAME, Launch, plan_text
from billing_recon_tests.day.rollout.test_switch import NEXT


def edit(launch: Launch, *changes: tuple[str, str]) -> None:
    path = launch.home.path / "rollouts" / f"{NAME}.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def write(launch: Launch, *people: str) -> None:
    launch.later()
    signatures = [(person, launch.code(person)) for person in people]
    write_down(launch.home, NAME, signatures, actor="test", reason="it is tidier so")


def test_nobody_gives_himself_the_right_to_widen_by_editing_the_plan(launch: Launch) -> None:
    first, second, third = launch.people[:3]
    everybody = f"[{first}, {second}, {third}]"
    edit(launch, (f"widen: {everybody}", f"widen: [{first}, {second}]"), (f"approvers: [{first}, {third}]",) * 2)
    text = (launch.home.path / "rollouts" / f"{NAME}.yaml").read_text(encoding="utf-8")
    for line in (f"[{first}, {third}]", everybody):
        text = text.replace(f"approvers: {line}", f"approvers: [{first}]")
    (launch.home.path / "rollouts" / f"{NAME}.yaml").write_text(text, encoding="utf-8")
    write(launch, first, second)
    edit(launch, (f"widen: [{first}, {second}]", f"widen: {everybody}"))
    with pytest.raises(CloseRefused, match=f"{third} may not write this plan down"):
        write(launch, third)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{metric: breaks, limit: 0} ", "{metric: breaks, limit: 9} ", "threshold breaks at most 0 is gone or looser"),
        ("window: {days: 3, ", "window: {days: 1, ", "its window is shorter"),
        ('{metric: break_money, limit: "500.00"', '{metric: break_money, limit: "900.00"', "triggers: break_money"),
        ("touches: [totals, tax]", "touches: [exports]", "touches: totals, tax is left out"),
        ("layer: calculation", "layer: payment_retry", "flags is changed"),
        ("{metric: exposure, limit: 0}", "{metric: exposure, limit: 0, dry_run: true}", "threshold exposure at most 0"),
        ("share: \"0.05\"", "share: \"0.20\"", "its customers are chosen otherwise"),
    ],
)  # fmt: skip
def test_a_plan_is_loosened_by_two_people_and_never_by_one(launch: Launch, old: str, new: str, says: str) -> None:
    edit(launch, (old, new))
    with pytest.raises(CloseRefused, match=says):
        write(launch, launch.people[0])
    with pytest.raises(CloseRefused, match=says):
        write(launch, launch.people[0], launch.people[0])
    write(launch, *launch.people[:2])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("&strict\n      - {metric: breaks, limit: 0} ", "&strict\n      - {metric: breaks, limit: 0, critical: false} ", "no critical threshold on breaks"),
        ("&strict\n      - {metric: breaks, limit: 0} ", "&strict\n      - {metric: break_money, limit: 0, currency: USD} ", "not in EUR"),
    ],
)  # fmt: skip
def test_a_plan_under_which_no_break_would_hold_a_stage_back_exposes_nobody(
    launch: Launch, old: str, new: str, says: str
) -> None:
    edit(launch, (old, new))
    write(launch, *launch.people[:2])
    with pytest.raises(GateRefused, match=f"money: .*{says}"):
        launch.promote()


def test_what_tightens_a_plan_needs_one_person(launch: Launch) -> None:
    edit(launch, ("window: {days: 3, invoices: 1}", "window: {days: 4, invoices: 2}"))
    write(launch, launch.people[0])


def test_nobody_is_exposed_by_editing_a_stage_that_is_exposed_already(launch: Launch) -> None:
    """An edit of the exposed stage to everybody, followed by an export of the flags, would widen without any approver."""
    launch.promote()
    before = flags.contents(launch.home, launch.state, launch.state.exposed)
    text = plan_text(launch.people, "CUS-00001, CUS-00002")
    stage = text[text.index("  - name: small") : text.index("triggers:")]
    edit(
        launch,
        (stage, ""),
        ("touches: [totals, tax]", "touches: [exports]"),
        ("cohort: {customers: [CUS-00001, CUS-00002]}", 'share: "1"'),
    )
    with pytest.raises(CloseRefused, match="the customers of internal were written down"):
        write(launch, *launch.people[:2])
    assert flags.contents(launch.home, launch.state, launch.state.exposed) == before


def test_a_day_that_was_landed_again_carries_no_promotion_until_it_is_judged_again(launch: Launch) -> None:
    launch.promote(since=NEXT)
    launch.judged(NEXT)
    file = next((launch.home.path / "landing" / "payments").glob(f"{DAY}*"))
    file.write_text(file.read_text(encoding="utf-8").replace("succeeded", "failed", 1), encoding="utf-8")
    land(launch.home, "payments", DAY, "test")
    with pytest.raises(GateRefused, match=f"not current: {NEXT}: its evidence .* run --day {NEXT}"):
        launch.promote()
    launch.judged(NEXT)
    assert launch.promote().stage == "small"


def test_a_flag_file_that_somebody_edited_carries_no_promotion(launch: Launch) -> None:
    launch.promote()
    launch.judged(NEXT)
    file = flags.current(launch.home, NAME) / flags.CSV
    file.write_text(file.read_text(encoding="utf-8") + "CUS-00003,internal,candidate\n", encoding="utf-8")
    with pytest.raises(GateRefused, match="flags: the files are not what was recorded"):
        launch.promote()
    state = launch.state
    flags.switch(launch.home, NAME, flags.contents(launch.home, state, state.exposed))
    assert launch.promote().stage == "small"


def test_a_new_version_of_the_plan_does_not_make_the_flag_files_wrong(launch: Launch) -> None:
    launch.promote()
    edit(launch, ("window: {days: 3, invoices: 1}", "window: {days: 4, invoices: 1}"))
    write(launch, launch.people[0])
    assert flags.agree(launch.home, launch.state)
    flags.switch(launch.home, NAME, flags.contents(launch.home, launch.state, launch.state.exposed))
    assert flags.agree(launch.home, launch.state)


def test_a_record_that_was_forged_carries_no_promotion(launch: Launch) -> None:
    """Somebody who writes to the database turns a FAIL into a PASS; the chain shows it."""
    from sqlalchemy import text

    from billing_recon.core.verdict import Verdict

    launch.promote()
    launch.judged(NEXT, Verdict.FAIL, figures={"because": ["2 breaks"]})
    with launch.home.control.rollouts._engine.begin() as connection:
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in triggers:
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        connection.execute(text("UPDATE rollout_events SET content = replace(content, 'FAIL', 'PASS')"))
    with pytest.raises(GateRefused, match="after audit event"):
        launch.promote()


def test_switching_back_works_whatever_was_tampered_with(launch: Launch) -> None:
    launch.promote()
    (flags.current(launch.home, NAME) / flags.CSV).write_text("customer_id,stage,variant\n*,,candidate\n")
    assert launch.rollback().exposed == ()
    state = switch.opened(launch.home, NAME)
    assert flags.shown_digest(launch.home, NAME) == flags.digest(flags.contents(launch.home, state, ()))


OTHER = "rounding"


def second_plan(launch: Launch, layer: str = "calculation", beside: str = "") -> None:
    """Another rollout, of a layer, ready to be promoted; `beside`: the rollouts with which it may be live."""
    text = plan_text(launch.people, "CUS-00005").replace("layer: calculation", f"layer: {layer}")
    text = text.replace("# with_rollouts: [other-plan]", f"with_rollouts: [{beside}]")
    (launch.home.path / "rollouts" / f"{OTHER}.yaml").write_text(text, encoding="utf-8")
    who = launch.people[0]
    launch.later()
    write_down(launch.home, OTHER, [(who, launch.code(who))], actor="test", reason="agreed by everybody")
    launch.later()
    switch.record_rehearsal(launch.home, OTHER, who, launch.code(who), reason="three weeks on a copy", actor="test")


def promote(launch: Launch, name: str) -> None:
    launch.later()
    needed = launch.state.plan.stages[0].approvers
    switch.promote(launch.home, name, [(one, launch.code(one)) for one in needed], actor="test", reason="as planned")


@pytest.mark.parametrize("first", [NAME, OTHER])
def test_of_two_rollouts_of_one_layer_promoted_in_the_same_instant_one_is(
    launch: Launch, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked and found nobody live; the second records its intent before the first does."""
    second_plan(launch)
    second = OTHER if first == NAME else NAME
    real = write_members

    def meanwhile(home: Home, state: State, *args: object, **more: object) -> object:
        monkeypatch.setattr(switch, "write_members", real)
        promote(launch, second)
        return real(home, state, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(switch, "write_members", meanwhile)
    with pytest.raises(CloseRefused, match=f"rollout {second}, on the same layer, was switched meanwhile"):
        promote(launch, first)
    assert [state.name for state in live(launch.home)] == [second]
    assert flags.shown_digest(launch.home, first) == ""
    with pytest.raises(GateRefused, match=f"layers: {second} \\(calculation\\) is live on the same layer"):
        promote(launch, first)


def test_a_rollout_whose_switch_was_cut_off_is_live(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process died between the files and the record: systems read the new flags already."""
    second_plan(launch)
    with monkeypatch.context() as cut:
        cut.setattr(switch, "_complete", lambda home, state: state)
        launch.promote()
    assert not launch.state.exposed
    with pytest.raises(GateRefused, match=f"layers: {NAME} \\(calculation\\) is live"):
        promote(launch, OTHER)
    assert launch.state.stage == "internal"


def test_an_exposed_rollout_is_not_moved_to_a_layer_on_which_another_is_live(launch: Launch) -> None:
    second_plan(launch, "rendering")
    launch.promote()
    promote(launch, OTHER)
    path = launch.home.path / "rollouts" / f"{OTHER}.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("layer: rendering", "layer: calculation"), encoding="utf-8"
    )
    people = launch.people[:2]
    launch.later()
    with pytest.raises(CloseRefused, match=f"layers: {NAME} \\(calculation\\) is live on the same layer"):
        write_down(
            launch.home, OTHER, [(one, launch.code(one)) for one in people], actor="test", reason="one path less"
        )


def test_two_rollouts_of_one_layer_that_name_each_other_are_both_live(launch: Launch) -> None:
    second_plan(launch, beside=NAME)
    launch.promote()
    with pytest.raises(GateRefused, match="is live on the same layer"):
        promote(launch, OTHER)
    edit(launch, ("# with_rollouts: [other-plan]", f"with_rollouts: [{OTHER}]"))
    write(launch, *launch.people[:2])
    promote(launch, OTHER)
    assert [state.name for state in live(launch.home)] == [NAME, OTHER]
