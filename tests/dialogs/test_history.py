"""The history of a call: in appState, and in the journal."""

import json
from dataclasses import replace
from typing import Any

import pytest

from dialtone.dialogs.history import AUDIO_ONLY, CallFacts, History, dumps
from dialtone.errors import AppStateRejected
from dialtone.protocol import CallState, ModalityType, Participant
from tests.dialogs.line import CALL_ID, START, conversation

FACTS = CallFacts.of(conversation(), START)
BEGUN = History(FACTS, "/", sequence=0, pending="abcd")
FULL = History(
    facts=CallFacts.of(
        conversation(isMultiparty=True, threadId="19:t", subject="Lunch", presentedModalityTypes=["audio", "video"]),
        START,
    ),
    dialog="menu",
    args={"number": 2, "names": ["a"]},
    entries=(["abcd", 1, "", {"a": 1}], ["efgh", 0]),
    sequence=5,
    pending="ijkl",
    answered=True,
)


@pytest.mark.parametrize("history", [BEGUN, FULL, FULL._replace(pending="", done=True), BEGUN._replace(dialog="")])
def test_round_trip(history: History) -> None:
    read = History.from_json(history.to_json(), call_id=CALL_ID, sequence=history.sequence)
    assert read == history
    assert read.to_json() == history.to_json()


def test_what_a_usual_history_takes() -> None:
    assert BEGUN.to_json() == (
        '{"v":1,"t":1700000000.0,"p":[["8:nora",1,"en-US","Nora"],["28:bot"]],"d":"/","q":"abcd"}'
    )


def test_a_call_may_begin_at_any_time() -> None:
    history = History(CallFacts.of(conversation(), 0.0), "/", pending="abcd")
    assert History.from_json(history.to_json(), call_id=CALL_ID, sequence=-1) == history


@pytest.mark.parametrize("version", [0, 2, None, "1"])
def test_another_version_is_refused(version: Any) -> None:
    document = json.loads(BEGUN.to_json()) | {"v": version}
    with pytest.raises(AppStateRejected, match="another version"):
        History.from_json(json.dumps(document), call_id=CALL_ID, sequence=0)


@pytest.mark.parametrize(
    "member",
    [
        {"identity": "8:n", "originator": True},
        {"identity": "8:n", "originator": False, "displayName": ""},
        {"identity": "8:n", "originator": False, "languageId": ""},
        {"identity": "8:n", "originator": False, "languageId": "", "displayName": "N"},
        {"identity": "8:n", "originator": True, "displayName": "ü", "isHidden": True},
    ],
)
@pytest.mark.parametrize("subject", [None, "", "Lunch"])
def test_facts_are_the_same_in_the_first_turn_as_in_every_other(member: dict[str, Any], subject: str | None) -> None:
    facts = CallFacts.of(conversation(participants=[member], subject=subject, threadId=subject), START)
    history = History(facts, "/", pending="abcd")
    assert History.from_json(history.to_json(), call_id=CALL_ID, sequence=-1).facts == facts


def test_facts() -> None:
    facts = CallFacts.of(conversation(presentedModalityTypes=["video", "smell"]), 1_700_000_000.123456)
    assert facts.started == 1_700_000_000.123
    assert facts.started_at.isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert facts.modalities == (ModalityType.VIDEO, ModalityType.UNKNOWN)
    assert facts.caller is not None
    assert facts.caller.identity == "8:nora"
    assert replace(facts, participants=()).caller is None
    assert FACTS.modalities == AUDIO_ONLY
    assert facts.participants[1] == Participant(identity="28:bot", originator=False)


def rows(*histories: History) -> list[str]:
    """The journal of one call after another of its turns: the rows since it last began anew."""
    found: list[str] = []
    before = None
    for history in histories:
        row, whole = history.row_json(before, history.to_json())
        found = [row] if whole else [*found, row]
        before = history
    return found


def read(found: list[str], sequence: int) -> History:
    return History.from_rows(found, call_id=CALL_ID, sequence=sequence)


def test_a_row_keeps_what_its_turn_added() -> None:
    first = BEGUN._replace(entries=(["aaaa", 1],), pending="bbbb")
    second = first._replace(sequence=1, entries=(*first.entries, ["bbbb", 1, "", "yes"]), pending="cccc", answered=True)
    second = second._replace(state=CallState.ESTABLISHED)
    third = second._replace(sequence=2, pending="", done=True)
    journal = rows(first, second, third)
    assert journal[1:] == ['{"e":[["bbbb",1,"","yes"]],"q":"cccc","n":1}', '{"n":1,"x":1}']
    assert [read(journal[: number + 1], number) for number in range(3)] == [first, second, third]


@pytest.mark.parametrize(("sequence", "usual"), [(0, CallState.INCOMING), (1, CallState.ESTABLISHED)])
@pytest.mark.parametrize("state", list(CallState))
def test_only_a_state_that_is_not_the_usual_one_is_written(sequence: int, usual: CallState, state: CallState) -> None:
    history = BEGUN._replace(sequence=sequence, state=state)
    assert ("c" in json.loads(history.to_json())) == (state is not usual)
    assert History.from_json(history.to_json(), call_id=CALL_ID, sequence=sequence) == history
    journal = rows(BEGUN, history._replace(sequence=1), BEGUN._replace(sequence=2, state=state, done=True))
    assert read(journal, 2).state is state


@pytest.mark.parametrize(
    "changes",
    [
        {"dialog": "other"},
        {"roster": ("8:nora",)},
        {"args": {"number": 1}},
        {"entries": ()},
        {"entries": (["bbbb", 1],)},
        {"entries": (["aaaa", 0], ["bbbb", 1])},
    ],
)
def test_a_row_keeps_the_whole_when_the_dialog_was_replaced(changes: dict[str, Any]) -> None:
    before = BEGUN._replace(entries=(["aaaa", 1],))
    after = before._replace(sequence=1, **changes)
    assert after.restarted(before)
    journal = rows(before, after)
    assert journal == [after.to_json()]
    assert read(journal, 1) == after


def test_a_turn_that_only_adds_does_not_restart() -> None:
    before = BEGUN._replace(entries=(["aaaa", 1],))
    assert not before._replace(entries=(*before.entries, ["bbbb", 1]), pending="x", answered=True).restarted(before)


def test_the_first_row_keeps_the_whole() -> None:
    assert BEGUN.row_json(None, BEGUN.to_json()) == (BEGUN.to_json(), True)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1}, b"x", "\ud800", {"\udfff": 1}])
def test_what_json_cannot_say_is_an_error(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        dumps(value)


def test_json_is_compact_and_not_escaped() -> None:
    assert dumps({"ü": [1, 2.5, None, True]}) == '{"ü":[1,2.5,null,true]}'
