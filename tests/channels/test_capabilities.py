"""The table of what channels can do leaves out no action and no option."""

from typing import Any

import pytest

from dialtone.channels import skype
from dialtone.channels.capabilities import CHANNELS, TABLE, Refused, refusal_of, refusal_on_teams
from dialtone.protocol import (
    ACTIONS,
    COMMANDS,
    Action,
    Answer,
    AnswerAppHostedMedia,
    CollectDigits,
    Hangup,
    ModalityType,
    Participant,
    PlaceCall,
    PlayPrompt,
    Prompt,
    RecognitionOption,
    Recognize,
    Record,
    RecordingFormat,
    Reject,
    StartMedia,
    StopMedia,
    Transfer,
    read_action,
)

ROWS = {(row.action, row.option) for row in TABLE}
ALL = {**ACTIONS, **COMMANDS}
NOT_OPTIONS = {"operationId", "action", "blobName", "blobCulture"}


def options_of(action: str) -> set[str]:
    """The members of an action, as the wire has them; those of prompts under the member that holds them."""
    members = {field.alias or name for name, field in ALL[action].model_fields.items()} - NOT_OPTIONS
    if action == "placeCall":
        return {""}
    prompts = {f"prompts.{field.alias or name}" for name, field in Prompt.model_fields.items()}
    prompts -= {f"prompts.{name}" for name in NOT_OPTIONS}
    if "prompts" in members:
        members = members - {"prompts"} | prompts
    if "playPrompt" in members:
        members = members - {"playPrompt"} | {f"playPrompt.{each}" for each in prompts}
    return members | {""}


@pytest.mark.parametrize("action", [name for name in ALL if name not in ("recognize", "transfer")])
def test_every_option_of_an_action_is_told(action: str) -> None:
    told = {option.partition("=")[0] for name, option in ROWS if name == action}
    assert told == options_of(action)


@pytest.mark.parametrize("action", ["recognize", "transfer"])
def test_every_member_of_what_is_made_of_parts_is_told(action: str) -> None:
    told = {option.partition("=")[0].partition(".")[0] for name, option in ROWS if name == action}
    assert told | {""} == {option.partition(".")[0] for option in options_of(action)}


def test_no_row_is_there_twice() -> None:
    assert len(ROWS) == len(TABLE)


def test_a_refusal_is_a_text_of_the_table() -> None:
    texts = {way.text for row in TABLE for way in (row.acs, row.teams_phone) if isinstance(way, Refused)}
    assert refusal_of(Answer(operation_id="a", accept_modality_types=[ModalityType.VIDEO])) in texts
    assert refusal_of(Answer(operation_id="a")) == ""
    assert refusal_of(PlayPrompt(operation_id="p", prompts=[Prompt(value="Hi")])) == ""


def recognize(**option: Any) -> Recognize:
    return Recognize(operation_id="q", choices=[RecognitionOption(name="a", **option)])


def transfer(identity: str, **more: str) -> Transfer:
    return Transfer(operation_id="t", target=Participant(identity=identity, originator=False), **more)


def command(kind: str, identity: str = "", **members: Any) -> Action:
    target = {"target": {"identity": identity, "originator": False}} if identity else {}
    found: Action = read_action({"operationId": "c", "action": kind, **target, **members})
    return found


EXAMPLES: dict[tuple[str, str], Action] = {
    ("answer", "acceptModalityTypes=audio"): Answer(operation_id="a"),
    ("answer", "acceptModalityTypes=video"): Answer(operation_id="a", accept_modality_types=[ModalityType.VIDEO]),
    ("reject", ""): Reject(operation_id="a"),
    ("hangup", ""): Hangup(operation_id="a"),
    ("playPrompt", ""): PlayPrompt(operation_id="p", prompts=[Prompt(value="Hi")]),
    ("record", ""): Record(operation_id="r"),
    ("record", "recordingFormat=wav"): Record(operation_id="r", recording_format=RecordingFormat.WAV),
    ("record", "recordingFormat=mp3"): Record(operation_id="r", recording_format=RecordingFormat.MP3),
    ("record", "recordingFormat=wma"): Record(operation_id="r", recording_format=RecordingFormat.WMA),
    ("recognize", "choices.dtmfVariation"): recognize(dtmf_variation="1"),
    ("recognize", "choices.speechVariation"): recognize(dtmf_variation="1", speech_variation=["one"]),
    ("recognize", "choices.speechVariation=without a key"): recognize(speech_variation=["one"]),
    ("recognize", "collectDigits.stopTones"): Recognize(
        operation_id="q", collect_digits=CollectDigits(stop_tones=["#"])
    ),
    ("transfer", "target=8:acs:"): transfer("8:acs:one"),
    ("transfer", "target=4:"): transfer("4:+15550100"),
    ("transfer", "target=8:orgid:"): transfer("8:orgid:one"),
    ("transfer", "target=8: and 29: of Skype"): transfer("29:one"),
    ("transfer", "replacesContext"): transfer("8:orgid:one", replaces_context="other"),
    ("answerAppHostedMedia", ""): AnswerAppHostedMedia(operation_id="a", media_configuration={}),
    **{
        ("startMedia", option): StartMedia(operation_id="s", handler="echo", number=1)
        for option in ("", "handler", "number")
    },
    ("stopMedia", ""): StopMedia(operation_id="s"),
    ("placeCall", ""): PlaceCall(
        operation_id="c",
        source=Participant(identity="4:+1", originator=True),
        target=Participant(identity="4:+2", originator=False),
        app_id="a",
    ),
    ("addParticipant", ""): command("addParticipant", "4:+15550100"),
    ("addParticipant", "target=4:"): command("addParticipant", "4:+15550100"),
    ("addParticipant", "target=8:orgid:"): command("addParticipant", "8:orgid:one"),
    ("addParticipant", "target=8:acs:"): command("addParticipant", "8:acs:one"),
    ("addParticipant", "target=28: and 29:"): command("addParticipant", "29:one"),
    ("redirect", "target=8:orgid:"): command("redirect", "8:orgid:one"),
    ("redirect", "target=8:acs:"): command("redirect", "8:acs:one"),
    ("sendDtmf", ""): command("sendDtmf", tones="1"),
    ("sendDtmf", "target=4:"): command("sendDtmf", "4:+15550100", tones="1"),
    ("sendDtmf", "target=8:"): command("sendDtmf", "8:acs:one", tones="1"),
    ("sendDtmf", "tones"): command("sendDtmf", tones="1"),
    ("leave", ""): command("leave"),
    **{(kind, ""): command(kind) for kind in ("startCaptions", "stopCaptions")},
    ("startCaptions", "culture"): command("startCaptions", culture="de-DE"),
    **{(kind, ""): command(kind) for kind in ("mute", "unmute", "hold", "unhold", "startTones", "stopTones")},
    **{
        (kind, "target"): command(kind, "8:acs:one")
        for kind in ("mute", "unmute", "hold", "unhold", "startTones", "stopTones", "removeParticipant")
    },
    **{
        (row.action, row.option): command(row.action, "8:orgid:one", recordingId="r", status="recording")
        for row in TABLE
        if row.action.endswith("Recording")
        or row.action == "recordMeeting"
        or (row.action == "updateRecordingStatus")
        or (row.action == "hold" and row.option.startswith("playPrompt"))
    },
    **{
        (action, option): command(action, "4:+15550100")
        for action, option in [
            ("redirect", ""),
            ("redirect", "target=4:"),
            ("removeParticipant", ""),
            *(("addParticipant", name) for name in ("callerId", "displayName", "timeoutInSeconds")),
        ]
    },
}
"""An action for each row that a channel refuses, and for others; an option that no channel looks at has any."""


@pytest.mark.parametrize("row", EXAMPLES, ids=" ".join)
def test_each_channel_does_what_the_table_says(row: tuple[str, str]) -> None:
    action = EXAMPLES[row]
    (told,) = [each for each in TABLE if (each.action, each.option) == row]
    asked = {
        "skype": (told.skype, skype.refusal_of(action)),
        "acs": (told.acs, refusal_of(action)),
        "acs for Teams phones": (told.teams_phone, refusal_of(action, teams_phone=True)),
        "teams": (told.teams, refusal_on_teams(action)),
    }
    assert tuple(asked) == CHANNELS
    if isinstance(action, PlaceCall):
        # No workflow for Skype can have it: tests/protocol/test_rules.py.
        del asked["skype"]
    for way, text in asked.values():
        assert text == (way.text if isinstance(way, Refused) else "")


def test_each_row_that_a_channel_refuses_has_an_example() -> None:
    refused = {
        (row.action, row.option)
        for row in TABLE
        if any(isinstance(way, Refused) for way in (row.skype, row.acs, row.teams_phone, row.teams))
    }
    assert refused <= set(EXAMPLES)
