import pytest
from pydantic import ValidationError

from simulator import faults
from simulator.faults import ALLOWED, FAULTS, Plan, parse_fault, read_fault

GOOD = [
    "duplicate=2@1",
    "reorder=1@0",
    "delay=1.5@3",
    "drop=3@0",
    "drop_reply=1@1",
    "slow=20@1",
    "storage=2@2",
    "kill=before@1",
    "bad_token=expired@1",
    "skew=-300@0",
    "lost_caller@1",
    "no_callback@2",
]


def test_a_fault_that_is_true_may_say_so() -> None:
    assert parse_fault("lost_caller=true@1") == parse_fault("lost_caller@1")


def test_every_fault_is_told_and_can_be_written() -> None:
    assert [text.partition("=")[0].partition("@")[0] for text in GOOD] == list(FAULTS) == list(ALLOWED)
    assert faults.__doc__ is not None
    assert all(f"\n| {verb} " in faults.__doc__ for verb in FAULTS)


@pytest.mark.parametrize("text", GOOD)
def test_a_fault_is_read_as_it_is_written(text: str) -> None:
    fault = parse_fault(text)
    assert str(fault) == text
    assert read_fault({fault.verb: fault.value, "at": fault.at}) == fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no fault; write NAME=VALUE@AT, with a name of duplicate, "),
        ("rain=2@1", "is no fault; write"),
        ("duplicate=2", "is no fault; write"),
        ("duplicate=2@", "at is the number of a request"),
        ("duplicate=2@-1", "at is the number of a request"),
        ("duplicate=0@1", "duplicate is copies, 1 to 16"),
        ("duplicate=17@1", "duplicate is copies, 1 to 16"),
        ("kill=never@1", "kill is before or after"),
        ("skew=301@1", "skew is seconds, -300 to 300"),
        ("lost_caller=maybe@1", "lost_caller is true"),
        ("duplicate@1", "duplicate is copies, 1 to 16"),
        ("skew=@1", "skew is seconds, -300 to 300"),
    ],
)
def test_what_is_allowed_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="fault") as caught:
        parse_fault(text)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "value", [None, {}, {"at": 1}, {"drop": 1, "slow": 1, "at": 1}, {"drop": 1}, {"drop": 1, "at": 1, "by": 2}]
)
def test_a_script_has_faults_of_one_kind_each(value: object) -> None:
    with pytest.raises((ValueError, ValidationError)):
        read_fault(value)


def test_a_plan_knows_what_happens_when() -> None:
    plan = Plan((parse_fault("drop=2@1"), parse_fault("slow=3@1"), parse_fault("drop=1@4")))
    assert [plan.at(number, "drop") for number in range(5)] == [None, 2, None, None, 1]
    assert (plan.at(1, "slow"), plan.at(1, "kill")) == (3, None)
    assert [str(fault) for fault in plan.beyond(4)] == ["drop=1@4"]
