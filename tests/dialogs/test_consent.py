"""Consent to be recorded: asked like any question, kept with what is recorded, and required where the bot says so."""

import pytest

from dialtone import Call, CallBot
from dialtone.dialogs import StoredRecording
from dialtone.dialogs.history import History, RecordingMarks
from dialtone.errors import DialogError
from tests.dialogs.line import APOLOGY, SILENCE, Line, chose, kinds, recorded, said

HERE = StoredRecording("2023/11/14/call-7/1-0.wav", 10)


async def asks(call: Call) -> None:
    if await call.consent("May we record?", retries=0):
        await call.record("Speak.", keep="complaint")
        call.say("Thank you.")
    else:
        call.say("Then not.")


def strict(dialog: object) -> Line:
    bot = CallBot(require_consent=True)
    bot.incoming(dialog)  # type: ignore[type-var]
    return Line(bot)


def marks(history: History) -> RecordingMarks | None:
    """What is kept with the recording that is asked, as it travels with the platform."""
    return History.from_json(history.to_json(), call_id=history.facts.call_id, sequence=history.sequence).recording


@pytest.mark.parametrize("line", [Line(asks), strict(asks)])
def test_consent_is_asked_and_kept_with_the_recording(line: Line) -> None:
    asked = line.ring()
    assert kinds(asked) == ["answer", "recognize"]
    assert marks(asked.history) is None
    recording = line.send(chose("yes"))
    assert kinds(recording) == ["record"]
    assert marks(recording.history) == RecordingMarks("given", "complaint")
    done = line.send(recorded(), recording=HERE)
    assert said(done) == ["Thank you."]
    assert marks(done.history) is None


@pytest.mark.parametrize("answer", [chose("no"), SILENCE])
def test_no_answer_is_no_consent(answer: dict[str, object]) -> None:
    line = strict(asks)
    line.ring()
    assert said(line.send(answer)) == ["Then not."]


def test_without_the_requirement_the_refusal_is_kept() -> None:
    async def dialog(call: Call) -> None:
        await call.consent("May we record?")
        await call.record("Speak.")

    line = Line(dialog)
    line.ring()
    assert marks(line.send(chose("no")).history) == RecordingMarks("refused", "")


def test_nobody_asked() -> None:
    async def dialog(call: Call) -> None:
        await call.record("Speak.")

    assert Line(dialog).ring().history.recording is None


def test_recording_without_consent_is_an_error_that_names_the_line() -> None:
    async def dialog(call: Call) -> None:
        await call.record("Speak.")

    turn = strict(dialog).ring()
    assert said(turn) == [APOLOGY]
    assert isinstance(turn.error, DialogError)
    assert turn.error.code == "CONSENT"
    assert "not been asked" in str(turn.error)
    line = dialog.__code__.co_firstlineno + 1
    assert any(f"test_consent.py:{line}" in note for note in turn.error.__notes__)


def test_a_refusal_is_no_consent() -> None:
    async def dialog(call: Call) -> None:
        await call.consent("May we record?")
        await call.record("Speak.")

    line = strict(dialog)
    line.ring()
    turn = line.send(chose("no"))
    assert "has refused" in str(turn.error)


def test_consent_outlasts_a_dialog_that_is_replaced_and_can_be_withdrawn() -> None:
    async def dialog(call: Call) -> None:
        await call.consent("May we record?")
        call.replace("rest")

    async def rest(call: Call) -> None:
        await call.choose("Ready?", {"yes": "1"})
        await call.record("Speak.")
        await call.consent("And the rest?")
        await call.record("Speak again.")

    line = Line(dialog, rest=rest)
    line.ring()
    line.send(chose("yes"))
    first = line.send(chose("yes"))
    assert first.history.recording == RecordingMarks("given", "")
    line.send(recorded(), recording=HERE)
    assert line.send(chose("no")).history.recording == RecordingMarks("refused", "")
