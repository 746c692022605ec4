"""The vectors of the ACS contract: `cases/acs_teams.json`, the areas `acs.*`.

A vector is checked here, or is owned by the part of the project that has what it is about (OWNED). None is left out.
Those about what the official SDK does with a command are checked against the simulator in test_acs_sdk.py.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.communication.callautomation import CommunicationIdentifierKind
from azure.communication.callautomation._shared.models import identifier_from_raw_id
from azure.core.messaging import CloudEvent

from dialtone.channels import acs, acs_grid
from dialtone.channels.acs import CallEvent
from dialtone.channels.acs_commands import CallRefs
from dialtone.channels.acs_grid import IncomingCall, RecordingFile, parse_grid
from dialtone.channels.acs_steps import of_event, steps_of
from dialtone.channels.stepper import Finished, Send, Step, after
from dialtone.protocol import (
    Answer,
    CallState,
    CollectDigits,
    Hangup,
    Participant,
    PlayPrompt,
    Prompt,
    RecognitionOption,
    Recognize,
    RecognizeOutcome,
    Transfer,
)
from tests.channels.acs_rig import SETUP

Json = dict[str, Any]
CASES: list[Json] = [
    case
    for case in json.loads((Path(__file__).parent / "cases" / "acs_teams.json").read_text(encoding="utf-8"))
    if case["area"].startswith("acs.")
]
BY_ID = {case["id"]: case for case in CASES}

ELSEWHERE = {
    "acs.auth.hmac": "test_acs_sdk.py",
    "acs.sdk.endpoint": "test_acs_sdk.py",
    "acs.rest": "test_acs_rest.py",
    "acs.identity": "test_acs_sdk.py",
    "acs.callback.jwt": "test_acs_jwt.py",
}
"""Areas that another module of this folder checks, and which."""

OWNED = {"acs.media": "media worker", "acs.ws": "media worker"}
"""Areas of what goes over the WebSocket of a media stream, whose tests are the worker's."""

REFS = CallRefs(caller="4:+15550100", server_call_id="c2lt")


def one(events: Any) -> CallEvent:
    (event,) = read(events)
    return event


def read(events: Any) -> list[CallEvent]:
    found, unreadable = acs.parse_callbacks(json.dumps(events).encode())
    assert not unreadable
    return found


def asked(action: Any) -> Step:
    """The step that an event is to end."""
    return steps_of([action], 0, REFS, SETUP)[-1]


def digits(**options: Any) -> Step:
    return asked(Recognize(operation_id="q", collect_digits=CollectDigits(**options)))


PLAY = PlayPrompt(operation_id="p", prompts=[Prompt(file_uri="https://bot.test/a.wav")])
CHOICES = Recognize(operation_id="q", choices=[RecognitionOption(name="Billing", speech_variation=["my bill"])])


def heard(step: Step, event: CallEvent) -> RecognizeOutcome:
    found = of_event(step, event, {})
    assert found is not None
    assert isinstance(found.outcome, RecognizeOutcome)
    return found.outcome


def reason_of(event: CallEvent) -> str:
    assert event.result is not None
    return event.result.meaning.reason


def eg_001(given: Json, expect: Json) -> None:
    reply = acs_grid.validation_reply(parse_grid(json.dumps(given["json"]).encode()))
    assert reply is not None
    assert json.loads(reply) == expect["json"]


def eg_002(given: Json, expect: Json) -> None:
    headers = {name.lower(): value for name, value in given["headers"].items()}
    assert acs_grid.permission(headers) == expect["headers"]


def eg_004(given: Json, expect: Json) -> None:
    (single,) = parse_grid(json.dumps(given).encode())
    grid = {"eventType": given["type"], "subject": given["subject"], "data": given["data"], "eventTime": given["time"]}
    assert [single] == parse_grid(json.dumps([grid]).encode()) == parse_grid(json.dumps([given]).encode())
    assert isinstance(single, IncomingCall)
    assert (single.caller, single.to, single.context) == ("4:+15550100", "4:+15550199", "ctx-kit-1")
    assert expect["single_object_accepted"]


def eg_005(given: Json, expect: Json) -> None:
    (call,) = parse_grid(json.dumps({"specversion": "1.0", "type": acs_grid.INCOMING, **given}).encode())
    assert isinstance(call, IncomingCall)
    assert acs.kind_of(call.to) == expect["to_kind"]
    assert acs.identifier(call.to)["microsoftTeamsApp"]["appId"] == expect["to_id"]
    assert call.conversation().participants[1].identity == call.to


def eg_006(given: Json, expect: Json) -> None:
    """Who is called tells the two apart; functions/acs.py answers those that are called for its bot."""
    data = BY_ID["eg-004"]["input"]["data"]
    redirected = data | {"to": {"rawId": "8:acs:res_agent"}}
    events = [{"specversion": "1.0", "type": acs_grid.INCOMING, "data": each} for each in (data, redirected, data)]
    calls = [each for each in parse_grid(json.dumps(events).encode()) if isinstance(each, IncomingCall)]
    assert len(given["events"]) == expect["answered"] + expect["ignored"] == len({call.call_id for call in calls})
    assert calls[0].call_id == calls[2].call_id


def eg_007(given: Json, expect: Json) -> None:
    cloud = BY_ID["eg-004"]["input"]
    assert "eventType" not in cloud
    assert isinstance(parse_grid(json.dumps(cloud).encode())[0], IncomingCall)


def eg_008(given: Json, expect: Json) -> None:
    grid = BY_ID["eg-001"]["input"]["json"][0]
    with pytest.raises(ValueError):  # noqa: PT011
        CloudEvent.from_dict(grid)
    assert isinstance(parse_grid(json.dumps(grid).encode())[0], acs_grid.Validation)


def eg_011(given: Json, expect: Json) -> None:
    (file,) = parse_grid(json.dumps(given).encode())
    assert isinstance(file, RecordingFile)
    assert (file.recording_id, file.server_call_id, len(file.chunks)) == ("rec1", "s", expect["chunks"])
    assert [chunk.delete != "" for chunk in file.chunks] == [True, False]
    assert expect["download_deadline"] == f"{acs_grid.DOWNLOAD_WITHIN_S // 3600} h"


def cb_002(given: Any, expect: Json) -> None:
    roster = acs.latest_roster(read(given))
    assert roster is not None
    assert (list(roster.roster), roster.number) == (expect["roster_after"], expect["seq"])
    assert [event.number for event in read(given)] == [4, 5]


def cb_004(given: Json, expect: Json) -> None:
    """What an event means is known from the workflow alone, so it may come before the reply to its command."""
    (call,) = parse_grid(json.dumps(BY_ID["eg-004"]["input"]).encode())
    assert isinstance(call, IncomingCall)
    refs = CallRefs(call.caller, call.server_call_id, call.context)
    steps = steps_of([Answer(operation_id="a"), PLAY], 0, refs, SETUP)
    found = of_event(steps[0], one(given["event_before_reply"]), {})
    assert found is not None
    assert after(call.call_id, steps, 0, found, {}) == Send(1, {}), expect["kit"]


def cb_005(given: Any, expect: Json) -> None:
    event = one(given)
    assert (event.digits, reason_of(event)) == (expect["digits"], expect["reason"])
    collected = heard(digits(stop_tones=["#"]), event).collect_digits_outcome
    assert collected is not None
    assert collected.digits == "12"


def cb_006(given: Any, expect: Json) -> None:
    event = one(given)
    assert event.choice == (expect["label"], "my bill")
    assert expect["via"] in reason_of(event)
    choice = heard(asked(CHOICES), event).choice_outcome
    assert choice is not None
    assert (choice.choice_name, choice.completion_reason) == ("Billing", "speechOptionMatched")


def cb_007(given: Any, expect: Json) -> None:
    event = one(given)
    assert event.choice == (expect["label"], expect["recognizedPhrase"])
    assert expect["via"] in reason_of(event)


def cb_008(given: Any, expect: Json) -> None:
    assert one(given).speech == expect["text"]


def cb_009(given: Any, expect: Json) -> None:
    event = one(given)
    assert event.result is not None
    assert (reason_of(event), event.result.meaning.retryable) == (expect["reason"], expect["retryable"])
    choice = heard(asked(CHOICES), event).choice_outcome
    assert choice is not None
    assert choice.completion_reason == "initialSilenceTimeout"


def cb_010(given: Any, expect: Json) -> None:
    assert reason_of(one(given)) == expect["reason"]
    outcome = heard(digits(max_number_of_dtmfs=4), one(given))
    assert not outcome.succeeded


def cb_011(given: Any, expect: Json) -> None:
    event = one(given)
    assert (event.digits, reason_of(event)) == (expect["digits"], expect["reason"])
    assert heard(digits(max_number_of_dtmfs=4), event).succeeded


def cb_012(given: Any, expect: Json) -> None:
    event = one(given)
    assert (reason_of(event), event.data["failedPlaySourceIndex"]) == (expect["reason"], expect["source_index"])
    found = of_event(asked(PLAY), event, {})
    assert found is not None
    assert (found.outcome.succeeded, found.over) == (False, False)
    assert "whether the internet can reach its address" in (found.outcome.failure_reason or "")


def cb_013(given: Any, expect: Json) -> None:
    event = one(given)
    assert (event.result is None) == expect["resultInformation_missing_ok"]
    found = of_event(asked(PLAY), event, {})
    assert found is not None
    assert not found.outcome.succeeded


def cb_014(given: Any, expect: Json) -> None:
    step = asked(Transfer(operation_id="t", target=Participant(identity="8:acs:a_b", originator=False)))
    for order in (given, given[::-1]):
        accepted, ended = read(order)
        found = of_event(step, accepted, {})
        assert found is not None
        assert (found.outcome.type, found.outcome.succeeded, found.over) == ("transferOutcome", True, True)
        assert of_event(step, ended, {}) is None, "the outcome of the transfer is still to come"
    assert expect["session_end"] == "transferred"


def cb_016(given: Any, expect: Json) -> None:
    tones = [acs.TONES[event.data["tone"]] for event in read(given)]
    assert "".join(tones) == expect["ordered"]


def cb_017(given: Any, expect: Json) -> None:
    event = one(given)
    assert reason_of(event) == "stream_failed"
    assert of_event(asked(PLAY), event, {}) is None, f"the dialog goes on: {expect['action']}"


def cb_018(given: Any, expect: Json) -> None:
    step = asked(Hangup(operation_id="h"))
    first, second = read(given)
    assert first.ends
    assert second.ends
    found = of_event(step, first, {})
    assert found is not None
    done = after("call", [step], 0, found, {})
    assert isinstance(done, Finished)
    assert done.result.call_state is CallState.TERMINATED
    assert expect["no_exception"]


def cb_019(given: Any, expect: Json) -> None:
    event = one(given)
    assert event.type == "SomethingNew"
    assert all(of_event(step, event, {}) is None for step in (asked(PLAY), asked(CHOICES)))
    assert expect["raised"] is False


def cb_021(given: Json, expect: Json) -> None:
    several = json.dumps(BY_ID["cb-014"]["input"])
    with pytest.raises(Exception):  # noqa: B017, PT011
        CloudEvent.from_json(several)
    assert len(acs.parse_callbacks(several.encode())[0]) == 2


def cb_022(given: Any, expect: Json) -> None:
    event = one(given)
    assert (event.data["recordingId"], event.data["state"]) == (expect["recording"], expect["state"])


CHECKS: dict[str, Callable[[Any, Json], None]] = {
    name.replace("_", "-"): check
    for name, check in list(globals().items())
    if name.startswith(("eg_", "cb_")) and callable(check)
}
IDENTIFIERS = [case["id"] for case in CASES if case["area"] == "acs.identifier"]


@pytest.mark.parametrize("number", IDENTIFIERS)
def test_identifier(number: str) -> None:
    case = BY_ID[number]
    assert acs.kind_of(case["input"]["rawId"]) == case["expect"]["kind"]
    assert acs.raw_id_of(acs.identifier(case["input"]["rawId"])) == case["input"]["rawId"]


SDK_KINDS = {
    CommunicationIdentifierKind.PHONE_NUMBER: "phoneNumber",
    CommunicationIdentifierKind.COMMUNICATION_USER: "communicationUser",
    CommunicationIdentifierKind.MICROSOFT_TEAMS_USER: "microsoftTeamsUser",
    CommunicationIdentifierKind.MICROSOFT_TEAMS_APP: "microsoftTeamsApp",
    CommunicationIdentifierKind.TEAMS_EXTENSION_USER: "teamsExtensionUser",
    CommunicationIdentifierKind.UNKNOWN: "unknown",
}


@pytest.mark.parametrize(
    "raw_id",
    [
        *(f"4:{number}" for number in ("+15550142", "15550142", "anonymous")),
        *(f"8:{realm}:{name}" for realm in ("acs", "dod-acs", "gcch-acs") for name in ("a", "a_b", "a_b_c", "a_b_c_d")),
        *(f"{start}:{realm}:one" for start in ("8", "28") for realm in ("orgid", "dod", "gcch", "other")),
        *("8:teamsvisitor:v", "8:spool:a_b_c", "8:nora", "28:app", "29:1x", "2:555", "8:acs", "8:ACS:a", "48:x", ""),
    ],
)
def test_an_identifier_is_of_the_kind_that_the_sdk_says(raw_id: str) -> None:
    theirs = identifier_from_raw_id(raw_id)
    assert acs.kind_of(raw_id).removesuffix("(anonymous)") == SDK_KINDS[CommunicationIdentifierKind(theirs.kind)]
    written = acs.identifier(raw_id)
    bare = {name: value for name, value in written.items() if name != "rawId"}
    assert written["rawId"] == theirs.raw_id
    # An older message has the member without the rawId.
    assert not bare or acs.raw_id_of(bare) == raw_id


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_event(number: str) -> None:
    CHECKS[number](BY_ID[number]["input"], BY_ID[number]["expect"])


def is_under(area: str, areas: Any) -> bool:
    return any(area == each or area.startswith(f"{each}.") for each in areas)


def test_every_vector_is_checked_or_owned() -> None:
    elsewhere = {case["id"] for case in CASES if is_under(case["area"], [*ELSEWHERE, *OWNED])}
    assert sorted([*CHECKS, *IDENTIFIERS, *elsewhere]) == sorted(BY_ID)
    assert len(BY_ID) == len(CASES) == 90
    assert {case["area"] for case in CASES} >= {"acs.auth.hmac", "acs.callback.jwt"}
