"""docs/how-to/coming-from-node.md: its names exist, and nothing that the Node calling SDK has is left out."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import ModuleType

import pytest

import dialtone
from dialtone.dialogs import Call
from tests.pages import DOCS, blocks, execute

PAGE = DOCS / "how-to" / "coming-from-node.md"
NAMES, NOT_COPIED = PAGE.read_text(encoding="utf-8").split("## Names")[1].split("## What is not copied")
NONE = "none"

FEATURES = {
    "3.1": ["UniversalCallBot", "CallConnector", "listen", "connector.verifyBotFramework"],
    "3.2": ["autoBatchDelay", "sendBatch", "session.save"],
    "3.3": [
        "session.answer",
        "session.reject",
        "session.hangup",
        "session.send",
        "session.endConversation",
        "session.endDialog",
    ],
    "3.4": [
        "Prompts.choice",
        "Prompts.confirm",
        "Prompts.digits",
        "Prompts.record",
        "Prompts.action",
        "Prompts.configure",
        "maxRetries",
        "yesChoice",
        "noChoice",
        "cancelChoice",
        "recognizeSilencePrompt",
        "invalidDtmfPrompt",
        "invalidRecognizePrompt",
        "recordSilencePrompt",
        "maxRecordingPrompt",
        "invalidRecordingPrompt",
        "bargeInAllowed",
        "culture",
        "initialSilenceTimeoutInSeconds",
        "interdigitTimeoutInSeconds",
        "maxDurationInSeconds",
        "maxSilenceTimeoutInSeconds",
        "recordingFormat",
        "playBeep",
        "stopTones",
        "promptDefaults",
        "recognizeDefaults",
        "recordDefaults",
    ],
    "3.5": [
        "ResumeReason",
        "waterfall",
        "next",
        "session.beginDialog",
        "session.replaceDialog",
        "session.endDialogWithResult",
        "Library",
        "bot.library",
        "bot.dialog",
        "defaultDialogId",
        "defaultDialogArgs",
        "session.reset",
        "session.isReset",
        "DialogAction.send",
        "DialogAction.beginDialog",
        "DialogAction.endDialog",
        "results.response",
        "results.resumed",
        "results.childId",
    ],
    "3.6": ["dialogErrorMessage", "bot.on('error')", "session.error"],
    "3.7": [
        "lookupUser",
        "bot.use({receive})",
        "bot.use({send})",
        "bot.use({botbuilder})",
        "bot.on('incoming')",
        "bot.on('receive')",
        "bot.on('send')",
        "bot.on('outgoing')",
    ],
    "3.8": [
        "session.userData",
        "session.privateConversationData",
        "session.conversationData",
        "session.dialogData",
        "session.sessionState",
        "persistUserData",
        "persistConversationData",
        "storage",
        "MemoryBotStorage",
    ],
    "3.9": ["localizer", "session.gettext", "session.ngettext", "an array of texts", "sprintf"],
}
"""What the Node calling SDK offers, by the section of what is known of it."""

DIFFERENCES = [
    "one callback after the last words",
    "legal or not",
    "for a success",
    "when the caller has left",
    "root dialog again",
    "same operation id",
    "has no outcome",
    "first of two questions",
    "longest duration",
    "never replies",
    "one of two requests",
    "250 ms",
    "whole address",
    "for ever",
    "foreign state",
]
"""What that SDK does and we do not, a row each."""


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables of a text, but for their heads."""
    for line in text.splitlines():
        if line.startswith("|") and not re.match(r"\|( Node| the Node SDK|-)", line):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


OURS = [name for row in rows(NAMES) for name in names(row[1])]


def exists(name: str) -> bool:
    """Whether there is what the table names: a class, one of its members, or a parameter (`Call.choose(retries=)`)."""
    path, _, parameter = name.partition("(")
    found: object = dialtone
    for part in path.split("."):
        attributes = [each.name for each in fields(found)] if is_dataclass(found) else []
        if part.startswith("_") or not (hasattr(found, part) or part in attributes):
            return False
        found = getattr(found, part, None)
    if not parameter:
        return True
    return callable(found) and parameter.removesuffix("=)") in inspect.signature(found).parameters


@pytest.mark.parametrize("name", sorted(set(OURS)))
def test_each_of_our_names_exists(name: str) -> None:
    assert exists(name)


@pytest.mark.parametrize("name", ["Caller", "Call.endDialog", "Call._run", "Call.choose(maxRetries=)", "Prompt.texts"])
def test_a_name_that_does_not_exist_would_be_found(name: str) -> None:
    assert not exists(name)


def test_each_row_has_one_of_our_names_or_none_and_says_why() -> None:
    for node, ours, differs in rows(NAMES):
        assert node
        assert names(ours) or ours == NONE, node
        assert names(ours) or differs, f"{node}: none, and nothing is said"
        assert re.sub(r"`[^`]+`|, ", "", ours) in ("", NONE), ours


def test_each_of_theirs_is_in_one_row() -> None:
    theirs = [name for row in rows(NAMES) for name in (names(row[0]) or [row[0]])]
    assert len(theirs) == len(set(theirs))
    missing = {name for known in FEATURES.values() for name in known} - set(theirs)
    assert not missing


def test_each_word_of_a_call_is_named_but_for_what_is_new() -> None:
    new = {"recognize", "transfer", "signal", "place", "run", "now", "random", "started", "is_multiparty"}
    new |= {"consent", "media_ended", "start_media", "stop_media", "start_captions", "stop_captions"}
    new |= {"add_participant", "remove_participant", "mute", "unmute", "hold", "unhold", "redirect", "leave"}
    new |= {"send_dtmf", "start_tones", "stop_tones", "tone"}
    new |= {"start_recording", "pause_recording", "resume_recording", "stop_recording"}
    new |= {"meeting", "invite", "record_meeting"}
    words = {name for name, _ in inspect.getmembers(Call) if not name.startswith("_")}
    named = {name.partition("(")[0].removeprefix("Call.") for name in OURS if name.startswith("Call.")}
    assert words - named == new - named
    assert new <= words


def test_each_difference_has_a_row_and_a_reason() -> None:
    found = list(rows(NOT_COPIED))
    assert all(len(row) == 3 and all(row) for row in found)
    covered = [[row[0] for row in found if difference in row[0]] for difference in DIFFERENCES]
    assert [len(matching) for matching in covered] == [1] * len(DIFFERENCES)
    assert {row for matching in covered for row in matching} == {row[0] for row in found}


async def test_the_code() -> None:
    module = ModuleType("page")
    python = [block for block in blocks(PAGE) if block.language == "python"]
    for block in python:
        await execute(block, module)
    assert [block.language for block in blocks(PAGE)] == ["javascript", *["python"] * len(python)]
    assert len(python) == 3
