"""The kit's own actions as commands of ACS and of Graph, and what their events and replies mean."""

from typing import Any

import pytest

from dialtone.channels import acs_steps, teams_outcomes, teams_steps
from dialtone.channels.acs import roster_as_called
from dialtone.channels.acs_commands import OPERATIONS, CallRefs
from dialtone.channels.acs_steps import of_event, of_refusal, of_reply, path_of_recording
from dialtone.channels.capabilities import TABLE, Exact, refusal_of, refusal_on_teams
from dialtone.channels.results import LOOP, Result
from dialtone.channels.stepper import Finished, Found, Step, after
from dialtone.channels.teams_commands import OPERATIONS as GRAPH
from dialtone.protocol import COMMANDS, Action, CallState, CommandOutcome, OutcomeValue, read_action
from tests.channels.acs_rig import CALL, REFS, SETUP, event
from tests.channels.teams_rig import SETUP as GRAPH_SETUP

AGENT = "8:acs:res_agent"
USER = {"rawId": AGENT, "communicationUser": {"id": AGENT}}
CALLER = {"rawId": CALL.caller, "phoneNumber": {"value": "+15550100"}}
PHONE = {"rawId": "4:+15550142", "phoneNumber": {"value": "+15550142"}}
MUSIC = {"operationId": "p", "action": "playPrompt", "prompts": [{"fileUri": "https://x/hold.wav"}]}
IN_CALL = CallRefs(CALL.caller, CALL.server_call_id, CALL.context, called=CALL.to)


def action(kind: str, identity: str = "", **members: Any) -> Action:
    target = {"target": {"identity": identity, "originator": False}} if identity else {}
    read: Action = read_action({"operationId": "o", "action": kind, **target, **members})
    return read


def step_of(kind: str, identity: str = "", refs: CallRefs = IN_CALL, **members: Any) -> Step:
    (step,) = acs_steps.steps_of([action(kind, identity, **members)], 3, refs, SETUP)
    return step


CONTEXT = {"operationContext": "3.0"}


@pytest.mark.parametrize(
    ("step", "operation", "body"),
    [
        (
            step_of("addParticipant", "4:+15550142", callerId="+15550188", displayName="Bot", timeoutInSeconds=29.5),
            "add_participant",
            {
                "participantToAdd": PHONE,
                "sourceCallerIdNumber": {"value": "+15550188"},
                "sourceDisplayName": "Bot",
                "invitationTimeoutInSeconds": 30,
                **CONTEXT,
            },
        ),
        (
            step_of("addParticipant", "4:+15550142"),
            "add_participant",
            {
                "participantToAdd": PHONE,
                "sourceCallerIdNumber": {"value": "+15550199"},
                "invitationTimeoutInSeconds": 60,
                **CONTEXT,
            },
        ),
        (
            step_of("addParticipant", AGENT),
            "add_participant",
            {"participantToAdd": USER, "invitationTimeoutInSeconds": 60, **CONTEXT},
        ),
        (
            step_of("addParticipant", "4:+15550142", CallRefs(CALL.caller, called="28:orgid:account")),
            "add_participant",
            {"participantToAdd": PHONE, "invitationTimeoutInSeconds": 60, **CONTEXT},
        ),
        (step_of("removeParticipant", AGENT), "remove_participant", {"participantToRemove": USER, **CONTEXT}),
        (step_of("mute", AGENT), "mute_participant", {"targetParticipants": [USER], **CONTEXT}),
        (step_of("hold"), "hold", {"targetParticipant": CALLER, **CONTEXT}),
        (
            step_of("hold", AGENT, playPrompt=MUSIC),
            "hold",
            {
                "targetParticipant": USER,
                "playSourceInfo": {"kind": "file", "file": {"uri": "https://x/hold.wav"}},
                **CONTEXT,
            },
        ),
        (step_of("unhold"), "unhold", {"targetParticipant": CALLER, **CONTEXT}),
        (
            step_of("sendDtmf", tones="1#"),
            "send_dtmf_tones",
            {"tones": ["one", "pound"], "targetParticipant": CALLER, **CONTEXT},
        ),
        (step_of("startTones"), "start_continuous_dtmf_recognition", {"targetParticipant": CALLER, **CONTEXT}),
        (step_of("stopTones", AGENT), "stop_continuous_dtmf_recognition", {"targetParticipant": USER, **CONTEXT}),
        (step_of("startCaptions"), "start_transcription", CONTEXT),
        (step_of("startCaptions", culture="de-DE"), "start_transcription", {"locale": "de-DE", **CONTEXT}),
        (step_of("stopCaptions"), "stop_transcription", CONTEXT),
        (step_of("redirect", AGENT), "redirect_call", {"incomingCallContext": "ctx", "target": USER}),
        (step_of("leave"), "leave_call", None),
        (
            step_of("startRecording", recordingFormat="mp3", unmixed=True, paused=True),
            "start_recording",
            {
                "callLocator": {"serverCallId": "c2lt", "kind": "serverCallLocator"},
                "recordingContentType": "audio",
                "recordingChannelType": "unmixed",
                "recordingFormatType": "mp3",
                "recordingStateCallbackUri": SETUP.callback,
                "pauseOnStart": True,
            },
        ),
        (step_of("pauseRecording", recordingId="r1"), "pause_recording", None),
        (step_of("resumeRecording", recordingId="r1"), "resume_recording", None),
        (step_of("stopRecording", recordingId="r1"), "stop_recording", None),
    ],
    ids=lambda given: given.operation if isinstance(given, Step) else "",
)
def test_its_command(step: Step, operation: str, body: dict[str, Any] | None) -> None:
    assert (step.operation, step.body) == (operation, body)
    assert operation in OPERATIONS
    assert not step.refusal


def test_what_is_written_down_is_told_by_an_event() -> None:
    for kind, done in (("startCaptions", "TranscriptionStarted"), ("stopCaptions", "TranscriptionStopped")):
        step = step_of(kind)
        assert of_reply(step, None, {}, 0.0) is None
        found, failed = (of_event(step, event(each, sub_code=0), {}) for each in (done, "TranscriptionFailed"))
        assert found is not None
        assert failed is not None
        assert (found.outcome.succeeded, failed.outcome.succeeded, failed.over) == (True, False, False)


def test_a_recording_is_named_by_the_action_that_is_about_it() -> None:
    assert path_of_recording(step_of("stopRecording", recordingId="r1"), {"recording": "other"}) == "r1"
    assert path_of_recording(step_of("stopRecording", recordingId="r1"), {}) == "r1"


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (step_of("addParticipant", AGENT), "AddParticipant"),
        (step_of("removeParticipant", AGENT), "RemoveParticipant"),
        (step_of("sendDtmf", tones="1"), "SendDtmfTones"),
    ],
    ids=["add", "remove", "send"],
)
def test_what_is_told_by_an_event(step: Step, kind: str) -> None:
    assert of_reply(step, {"operationContext": "3.0"}, {}, 0.0) is None
    done = "Completed" if kind == "SendDtmfTones" else "Succeeded"
    found = of_event(step, event(f"{kind}{done}", sub_code=0), {})
    assert found is not None
    assert (found.outcome.succeeded, found.over) == (True, False)
    failed = of_event(step, event(f"{kind}Failed", code=486, sub_code=8539), {})
    assert failed is not None
    assert failed.outcome == CommandOutcome(
        type=f"{step.action.kind}Outcome",
        id="o",
        outcome=OutcomeValue.FAILURE,
        failure_reason="486/8539 busy: whoever was called is busy",
        code=486,
        sub_code=8539,
        cause="whoever was called is busy",
    )
    assert of_event(step, event("PlayCompleted", sub_code=0), {}) is None
    over = of_event(step, event("CallDisconnected", sub_code=560000), {})
    assert over is not None
    assert (over.outcome.succeeded, over.over) == (False, True)


@pytest.mark.parametrize("kind", ["mute", "hold", "unhold", "startTones", "stopTones"])
def test_what_is_told_by_the_reply(kind: str) -> None:
    found = of_reply(step_of(kind, AGENT), {}, {}, 0.0)
    assert found is not None
    assert (found.outcome.type, found.outcome.succeeded, found.over) == (f"{kind}Outcome", True, False)


def test_a_refusal_has_its_numbers() -> None:
    refused = of_refusal(step_of("hold", AGENT), Result(412, 8583, "x"), {})
    outcome = refused.outcome
    assert isinstance(outcome, CommandOutcome)
    assert (outcome.code, outcome.sub_code, outcome.check) == (412, 8583, "what else runs in the call")
    assert not of_refusal(step_of("hold", AGENT), Result(404, 8522), {}).over, "the participant is not there"
    assert of_refusal(step_of("hold", AGENT), Result(400, 8501), {}).over
    assert of_refusal(step_of("addParticipant", AGENT), Result(404, 8522), {}).over


def test_a_redirected_call_is_over_and_one_that_could_not_be_rings_on() -> None:
    step = step_of("redirect", AGENT)
    done = of_reply(step, None, {}, 0.0)
    assert done is not None
    assert done.over
    loop = of_refusal(step, Result(LOOP), {})
    finished = after("call-1", [step], 0, loop, {})
    assert isinstance(finished, Finished)
    assert finished.result.call_state is CallState.INCOMING
    assert "the call has rung there before" in (finished.result.operation_outcome.failure_reason or "")


def test_a_recording_of_the_call_has_an_id() -> None:
    step = step_of("startRecording")
    found = of_reply(step, {"recordingId": "r1"}, {}, 12.0)
    assert found is not None
    assert found.outcome.to_wire()["recordingId"] == "r1"
    assert found.kept == {"recording": "r1", "from": 12.0, "format": "wav"}
    for body in (None, {}, {"recordingId": ""}):
        nothing = of_reply(step, body, {}, 0.0)
        assert nothing is not None
        assert not nothing.outcome.succeeded
    stopped = of_reply(step_of("stopRecording", recordingId="r1"), None, {}, 0.0)
    assert stopped is not None
    assert stopped.outcome.succeeded
    unknown = of_refusal(step_of("stopRecording", recordingId="r1"), Result(404, 8522), {})
    assert (unknown.outcome.succeeded, unknown.over) == (True, False), "it has stopped, by itself or by this command"
    assert not of_refusal(step_of("pauseRecording", recordingId="r1"), Result(404, 8522), {}).outcome.succeeded


MEMBERS: dict[str, dict[str, Any]] = {
    "sendDtmf": {"tones": "1"},
    "startMedia": {"handler": "echo", "number": 1},
    "updateRecordingStatus": {"status": "recording"},
    **{kind: {"recordingId": "r"} for kind in ("pauseRecording", "resumeRecording", "stopRecording")},
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_what_the_table_does_not_refuse_has_a_command_on_either_platform(kind: str) -> None:
    whole = action(kind, "4:+15550142" if "target" in COMMANDS[kind].model_fields else "", **MEMBERS.get(kind, {}))
    (step,) = acs_steps.steps_of([whole], 0, REFS, SETUP)
    assert (step.operation in OPERATIONS, step.refusal) == (not refusal_of(whole), refusal_of(whole))
    (*_, graph) = teams_steps.steps_of([whole], 1, GRAPH_SETUP)
    assert (graph.operation in GRAPH, graph.refusal) == (not refusal_on_teams(whole), refusal_on_teams(whole))
    assert not any(isinstance(row.skype, Exact) for row in TABLE if row.action == kind)


@pytest.mark.parametrize(
    ("asked", "operation", "body"),
    [
        (action("mute"), "mute", {}),
        (action("unmute"), "unmute", {}),
        (action("sendDtmf", tones="5*"), "sendDtmfTones", {"tones": ["tone5", "star"]}),
        (
            action("addParticipant", "8:orgid:ann"),
            "invite",
            {
                "participants": [
                    {
                        "@odata.type": "#microsoft.graph.invitationParticipantInfo",
                        "identity": {
                            "@odata.type": "#microsoft.graph.identitySet",
                            "user": {"@odata.type": "#microsoft.graph.identity", "id": "ann"},
                        },
                    }
                ]
            },
        ),
    ],
    ids=["mute", "unmute", "keys", "invite"],
)
def test_on_teams_it_is_an_operation_with_a_notice(asked: Action, operation: str, body: dict[str, Any]) -> None:
    (step,) = teams_steps.steps_of([asked], 1, GRAPH_SETUP)
    assert (step.operation, step.body) == (operation, {**body, "clientContext": "1.0"})
    assert teams_outcomes.of_reply([step], 0, {"status": "running"}, {}) is None
    found = teams_outcomes.of_reply([step], 0, {"status": "completed"}, {})
    assert found == Found(CommandOutcome(type=f"{asked.kind}Outcome", id="o", outcome=OutcomeValue.SUCCESS))
    failed = teams_outcomes.of_reply([step], 0, {"status": "failed", "resultInfo": {"code": 486, "subcode": 8539}}, {})
    assert failed is not None
    assert failed.outcome.to_wire()["subCode"] == 8539


def test_on_teams_a_redirect_is_the_end_and_takes_no_subscription_to_keys() -> None:
    (step,) = teams_steps.steps_of([action("redirect", "8:orgid:ann")], 0, GRAPH_SETUP)
    assert (step.operation, (step.body or {})["timeout"]) == ("redirect", 55)
    found = teams_outcomes.of_reply([step], 0, {}, {})
    assert found is not None
    assert found.over


NORA, BOT, OWN = "4:+15550100", "4:+15550199", "8:acs:res_bot"


@pytest.mark.parametrize(
    ("rosters", "latest"),
    [
        ([], ()),
        ([[NORA, BOT]], (NORA, BOT)),
        ([[NORA, OWN]], (NORA, BOT)),
        ([[NORA, OWN], [NORA, OWN, AGENT]], (NORA, BOT, AGENT)),
        ([[NORA, OWN], [NORA, OWN, AGENT], [OWN, AGENT]], (BOT, AGENT)),
        ([[NORA], [NORA, AGENT]], (NORA, AGENT)),
        ([[NORA, BOT], [NORA, BOT, AGENT], [NORA, AGENT]], (NORA, AGENT)),
        ([[NORA, AGENT, OWN]], (NORA, AGENT, OWN)),
    ],
    ids=[
        "none",
        "by its number",
        "by its own id",
        "with one more",
        "without the caller",
        "not in it",
        "gone",
        "unknown",
    ],
)
def test_the_bot_is_in_a_roster_by_the_number_that_was_called(
    rosters: list[list[str]], latest: tuple[str, ...]
) -> None:
    assert roster_as_called(rosters, NORA, BOT) == latest
