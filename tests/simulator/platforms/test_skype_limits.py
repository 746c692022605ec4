"""Each limit that the Skype contract has for a workflow, enforced by the simulated platform.

What is at the limit is run. What is beyond it runs nothing: the bot is told by a workflow-validation outcome, as the
platform would, and the call's own report has the rule and the reason, and fails.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from dialtone.protocol import MISSPELT_VALIDATION
from simulator.platforms.settings import PlatformSettings
from tests.simulator.fake_bot import ANSWER, HANGUP, FakeBot, Json, choose, digits, of_kind, record, ring, say, verdict

PATIENT = "  - wait: 60"
TRANSFER: Json = {"operationId": "t", "action": "transfer", "target": {"identity": "8:desk", "originator": False}}


class Limit(NamedTuple):
    """What is still legal, and what is not any more, each a workflow's actions or a whole workflow."""

    code: str
    legal: Sequence[Any]
    illegal: Sequence[Any]


def played(**prompt: Any) -> list[Json]:
    return [say() | {"prompts": [prompt]}]


def recorded(**members: Any) -> list[Json]:
    return [record(**members)]


def chosen(*choices: Json, **members: Any) -> list[Json]:
    return [choose() | ({"choices": list(choices)} if choices else {}) | members]


def option(key: str, *words: str) -> Json:
    return {"name": key, "dtmfVariation": key} | ({"speechVariation": list(words)} if words else {})


def collected(most: int | None = None, stop: list[str] | None = None, **members: Any) -> list[Json]:
    return [digits(most=most, stop=stop, **members)]


KEYS = list("12345")
LIMITS = {
    "a workflow has an action": Limit("ACTIONS_EMPTY", [], [[]]),
    "appState has at most 1024 characters": Limit(
        "APPSTATE_TOO_LONG",
        [{"actions": [say("x")], "appState": "x" * 1024}],
        [{"actions": [say("x")], "appState": "x" * 1025}],
    ),
    "links are absolute": Limit("CALLBACK_NOT_ABSOLUTE", [], [{"actions": [say("x")], "links": {"callback": "/x"}}]),
    "links are https": Limit(
        "CALLBACK_NOT_HTTPS", [], [{"actions": [say("x")], "links": {"callback": "http://bot.example/"}}]
    ),
    "an operation has an id": Limit("OPERATION_ID_BLANK", [], [[say("x") | {"operationId": " "}]]),
    "names of actions are exact": Limit("ACTION_NAME", [], [[say("x") | {"action": "PlayPrompt"}]]),
    "hangup is last": Limit("ACTION_ORDER", [], [[HANGUP, say("x")]]),
    "answer is first": Limit("ACTION_ORDER", [], [[say("x"), ANSWER]]),
    "an action comes once, but playPrompt": Limit(
        "ACTION_DUPLICATE", [[say("x"), say("y")]], [[record(), record()], [choose(), choose()]]
    ),
    "reject is alone": Limit("ACTION_NOT_ALONE", [], [[{"operationId": "r", "action": "reject"}, say("x")]]),
    "a playPrompt has a prompt": Limit("PROMPTS_EMPTY", [], [[say()]]),
    "a prompt has something to play": Limit("PROMPT_EMPTY", [], [played(value=" ")]),
    "a prompt has a text or a file": Limit(
        "PROMPT_TEXT_AND_FILE", [], [played(value="x", fileUri="https://bot.example/x.wav")]
    ),
    "a text has at most 2048 characters": Limit(
        "PROMPT_TEXT_TOO_LONG", [played(value="x " * 1024)], [played(value="x" * 2049)]
    ),
    "silence has at most 60 seconds": Limit(
        "PROMPT_SILENCE_RANGE",
        [played(silenceLengthInMilliseconds=60_000)],
        [played(silenceLengthInMilliseconds=60_001)],
    ),
    "a prompt is in en-US": Limit(
        "PROMPT_CULTURE", [played(value="x", culture="en-US")], [played(value="x", culture="de-DE")]
    ),
    "a recording lasts 2 to 600 seconds": Limit(
        "RECORD_DURATION_RANGE",
        [recorded(maxDurationInSeconds=seconds) for seconds in (2, 600)],
        [recorded(maxDurationInSeconds=seconds) for seconds in (1.9, 600.1)],
    ),
    "a recording waits 1 to 30 seconds for speech": Limit(
        "INITIAL_SILENCE_RANGE",
        [recorded(initialSilenceTimeoutInSeconds=seconds) for seconds in (1, 30)],
        [recorded(initialSilenceTimeoutInSeconds=seconds) for seconds in (0.9, 30.1)],
    ),
    "a recording ends after 0 to 30 seconds of silence": Limit(
        "RECORD_SILENCE_RANGE",
        [recorded(maxSilenceTimeoutInSeconds=seconds) for seconds in (0, 30)],
        [recorded(maxSilenceTimeoutInSeconds=30.1)],
    ),
    "a recording has 5 stop tones": Limit(
        "DTMF_LIST_TOO_LONG", [recorded(stopTones=KEYS)], [recorded(stopTones=[*KEYS, "6"])]
    ),
    "stop tones that are given are some": Limit("DTMF_LIST_EMPTY", [], [recorded(stopTones=[])]),
    "a stop tone is on the keypad": Limit(
        "DTMF_INVALID", [recorded(stopTones=list("0*#AD"))], [recorded(stopTones=[tone]) for tone in ("a", "E", "12")]
    ),
    "a question waits 1 to 30 seconds": Limit(
        "INITIAL_SILENCE_RANGE",
        [chosen(initialSilenceTimeoutInSeconds=seconds) for seconds in (1, 30)],
        [chosen(initialSilenceTimeoutInSeconds=seconds) for seconds in (0, 31)],
    ),
    "there are 1 to 5 seconds between digits": Limit(
        "INTERDIGIT_RANGE",
        [collected(4, interdigitTimeoutInSeconds=seconds) for seconds in (1, 5)],
        [collected(4, interdigitTimeoutInSeconds=seconds) for seconds in (0.5, 5.5)],
    ),
    "a question is in en-US": Limit("RECOGNIZE_CULTURE", [chosen(culture="en-US")], [chosen(culture="en-GB")]),
    "a question has choices or digits": Limit(
        "CHOICES_XOR_DIGITS",
        [],
        [[choose() | {"collectDigits": {"maxNumberOfDtmfs": 1}}], [record() | {"action": "recognize"}]],
    ),
    "there is a choice": Limit("CHOICES_EMPTY", [], [chosen(choices=[])]),
    "a choice has a name": Limit("CHOICE_NAME_BLANK", [], [chosen(option("1") | {"name": ""})]),
    "a choice has a key or a word": Limit("CHOICE_EMPTY", [], [chosen({"name": "one"})]),
    "a choice has at most 5 words": Limit(
        "CHOICE_SPEECH_TOO_MANY", [chosen(option("1", *KEYS))], [chosen(option("1", *KEYS, "6"))]
    ),
    "a word is not blank": Limit("CHOICE_SPEECH_BLANK", [], [chosen(option("1", " "))]),
    "a key is one choice's": Limit("CHOICE_DTMF_DUPLICATE", [], [chosen(option("1"), option("1"))]),
    "a word is one choice's": Limit(
        "CHOICE_SPEECH_DUPLICATE",
        [chosen(option("1", "yes"), option("2", "Yes"))],
        [chosen(option("1", "yes"), option("2", "yes")), chosen(option("1", "yes", "yes"))],
    ),
    "1 to 20 digits are collected": Limit(
        "DIGITS_MAX_RANGE",
        [collected(most) for most in (1, 20)],
        [collected(most, ["#"]) for most in (0, 21)],
    ),
    "digits have an end": Limit("DIGITS_NO_LIMIT", [collected(stop=["#"])], [collected(stop=[]), collected()]),
    "digits have 5 stop tones": Limit("DTMF_LIST_TOO_LONG", [collected(stop=KEYS)], [collected(stop=[*KEYS, "6"])]),
    "audio is answered once": Limit("MODALITY_DUPLICATE", [], [[ANSWER | {"acceptModalityTypes": ["audio", "audio"]}]]),
    "no screen is answered": Limit(
        "MODALITY_SCREENSHARE", [], [[ANSWER | {"acceptModalityTypes": ["videoBasedScreenSharing"]}]]
    ),
    "a transfer goes to a person": Limit(
        "TRANSFER_TARGET_KIND", [], [[TRANSFER | {"target": {"identity": "28:bot", "originator": False}}]]
    ),
    "the target of a transfer did not call": Limit(
        "TRANSFER_TARGET_ORIGINATOR", [], [[TRANSFER | {"target": {"identity": "8:desk", "originator": True}}]]
    ),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_limit(bot: FakeBot, name: str) -> None:
    limit = LIMITS[name]

    def whole(reply: Any) -> Any:
        return {"links": {"callback": f"{bot.url}/call"}} | reply if isinstance(reply, dict) else bot.workflow(*reply)

    bot.replies = [[ANSWER], *map(whole, [*limit.legal, *limit.illegal]), [HANGUP]]
    report = await ring(bot, PATIENT)
    told, refused = bot.outcomes[1 : 1 + len(limit.legal)], bot.outcomes[1 + len(limit.legal) : -1]
    assert [outcome["type"] for outcome in told if outcome["type"] == MISSPELT_VALIDATION] == []
    assert len(refused) == len(limit.illegal)
    for outcome in refused:
        assert (outcome["type"], outcome["outcome"]) == (MISSPELT_VALIDATION, "failure")
        assert limit.code in outcome["failureReason"]
    violations = of_kind(report, "violation")
    assert [violation["code"] for violation in violations] == [limit.code] * len(limit.illegal)
    assert all(violation["message"] and violation["fix"] for violation in violations)
    assert len(verdict(report)) == len(limit.illegal)
    assert all(limit.code in reason for reason in verdict(report))
    assert of_kind(report, "call.ended")[0]["by"] == "bot"


async def test_a_prompt_file_arrives_within_10_seconds(bot: FakeBot) -> None:
    """The limit is a setting; what is beyond it fails the action, not the workflow."""
    assert PlatformSettings().prompt_file_timeout_s == 10

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as silent:
        uri = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/x.wav"
        bot.replies = [[ANSWER], played(fileUri=uri), [HANGUP]]
        report = await ring(bot, PATIENT, PlatformSettings(prompt_file_timeout_s=0.2))
    assert bot.outcomes[1]["failureReason"] == "the prompt file did not arrive within 0.2 s"
    assert verdict(report) == []
