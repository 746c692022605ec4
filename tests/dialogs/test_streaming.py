"""A dialog whose call has media of the bot's own: it waits for signals, and for the end of the stream."""

import json
from typing import Any

import pytest

from dialtone import ActionFailed, Call, CallBot, CallEnded, MediaEnd, Stream
from dialtone.dialogs import Event, History, Look, Signalled, Turn, finish_activity, take_turn
from dialtone.errors import DialogError
from dialtone.protocol import CallStateChange, Conversation, ConversationResult
from dialtone.testing import dial, media_ended, repeat

ENDED = ["1", {"reason": "finished", "detail": "", "handler": "echo"}]


def conversation() -> Conversation:
    return Conversation.from_wire(
        {
            "id": "c1",
            "participants": [{"identity": "8:nora", "originator": True}, {"identity": "28:bot", "originator": False}],
            "presentedModalityTypes": ["audio"],
            "callState": "incoming",
        }
    )


def outcome(kind: str, *, ok: bool = True, state: str = "established") -> ConversationResult:
    told = {"type": kind, "id": "0-0", "outcome": "success" if ok else "failure"}
    return ConversationResult.from_wire({"id": "c1", "callState": state, "operationOutcome": told})


def bot_of(dialog: Any) -> CallBot:
    bot = CallBot()
    bot.incoming(dialog)

    @bot.media("echo")
    async def echo(stream: Stream) -> None: ...

    return bot


class Table:
    """Takes turns one after the other, each from what the journal would keep."""

    def __init__(self, bot: CallBot) -> None:
        self.bot = bot
        self.signals: dict[str, list[Any]] = {}
        self.looked: list[tuple[str, str]] = []
        self.last: Turn | None = None

    def take(self, message: Any, at: float = 100.0) -> list[str]:
        before = None
        if self.last is not None:
            history = self.last.history
            before = History.from_json(history.to_json(), call_id="c1", sequence=history.sequence)
        event = Event(message, at)
        turn = take_turn(self.bot, before, event)
        while turn.activity is not None:
            work = turn.activity.work
            assert isinstance(work, Look)
            self.looked.append((work.name, work.unless))
            turn = finish_activity(self.bot, turn, event, result=self._find(work))
        self.last = turn
        if turn.error is not None:
            raise turn.error
        return [action.action for action in turn.actions]

    def _find(self, work: Look) -> Any:
        found = self.signals.get(work.name)
        if found is not None and found[0] not in work.heard:
            return found
        over = self.signals.get(work.unless)
        return False if over is not None and over[0] not in work.heard else None

    @property
    def done(self) -> bool:
        assert self.last is not None
        return self.last.history.done


def test_the_call_is_answered_with_media_and_waits_for_their_end() -> None:
    ends: list[MediaEnd] = []

    async def dialog(call: Call) -> None:
        call.answer(media="echo", unmixed=True, rate=24_000)
        ends.append(await call.media_ended())

    table = Table(bot_of(dialog))
    assert table.take(conversation()) == ["answerAppHostedMedia"]
    assert table.last is not None
    (action,) = table.last.actions
    assert action.to_wire()["mediaConfiguration"] == {"handler": "echo", "unmixed": True, "rate": 24_000}
    assert table.last.history.media == "echo"
    assert table.take(outcome("answerAppHostedMediaOutcome")) == []
    assert not table.done
    assert table.take(Signalled()) == []
    assert not table.done
    table.signals["media_ended"] = ENDED
    assert table.take(Signalled()) == ["hangup"]
    assert table.done
    assert ends[-1] == MediaEnd("finished", "", "echo")


def test_an_end_that_came_before_the_platforms_answer_is_not_missed() -> None:
    async def dialog(call: Call) -> None:
        call.answer(media="echo")
        await call.media_ended()
        call.say("Goodbye.")

    table = Table(bot_of(dialog))
    table.signals["media_ended"] = ENDED
    # It is looked for before the stream can be there.
    assert table.take(conversation()) == ["answerAppHostedMedia", "playPrompt", "hangup"]

    table = Table(bot_of(dialog))
    table.take(conversation())
    table.signals["media_ended"] = ENDED
    assert table.take(outcome("answerAppHostedMediaOutcome")) == ["playPrompt", "hangup"]


def test_a_stream_that_is_not_opened_fails_the_answer() -> None:
    async def dialog(call: Call) -> None:
        call.answer(media="echo")
        try:
            await call.media_ended()
        except ActionFailed:
            call.say("We cannot hear you.")

    table = Table(bot_of(dialog))
    table.take(conversation())
    # It is not answered, so what is said answers it.
    assert table.take(outcome("answerAppHostedMediaOutcome", ok=False, state="incoming")) == [
        "answer",
        "playPrompt",
        "hangup",
    ]
    assert table.last is not None
    assert table.last.history.media == ""


def test_signals_of_the_stream_come_one_by_one_until_it_is_over() -> None:
    heard: list[Any] = []

    async def dialog(call: Call) -> None:
        call.answer(media="echo")
        while (order := await call.signal("order", timeout=600)) is not None:
            heard.append(order.data)
        end = await call.media_ended()
        heard.append(end.reason)

    table = Table(bot_of(dialog))
    table.take(conversation())
    assert table.take(outcome("answerAppHostedMediaOutcome")) == []
    assert set(table.looked) == {("order", "media_ended")}
    table.signals["order"] = ["7", {"pizza": 2}]
    heard.clear()
    assert table.take(Signalled()) == []
    assert heard[-1] == {"pizza": 2}
    table.signals["media_ended"] = ENDED
    heard.clear()
    assert table.take(Signalled()) == ["hangup"]
    assert heard[-2:] == [{"pizza": 2}, "finished"]


def test_the_time_out_of_a_signal_is_looked_at_when_something_comes() -> None:
    async def dialog(call: Call) -> None:
        call.answer(media="echo")
        assert await call.signal("order", timeout=60) is None

    table = Table(bot_of(dialog))
    table.take(conversation())
    assert table.take(outcome("answerAppHostedMediaOutcome"), at=130) == []
    assert table.take(Signalled(), at=159) == []
    assert table.take(Signalled(), at=161) == ["hangup"]


def test_the_end_of_the_call_is_raised_where_the_dialog_waits() -> None:
    ended: list[str] = []

    async def dialog(call: Call) -> None:
        call.answer(media="echo")
        try:
            await call.media_ended()
        except CallEnded as error:
            ended.append(str(error))
            raise

    table = Table(bot_of(dialog))
    table.take(conversation())
    table.take(outcome("answerAppHostedMediaOutcome"))
    over = CallStateChange.from_wire({"id": "c1", "type": "callStateChange", "currentState": "terminated"})
    assert table.take(over) == []
    assert table.done
    assert len(ended) == 1


def test_another_dialog_goes_on_with_the_same_stream() -> None:
    bot = CallBot()

    @bot.media("echo")
    async def echo(stream: Stream) -> None: ...

    @bot.incoming
    async def dialog(call: Call) -> None:
        call.answer(media="echo")
        await call.signal("ready")
        call.replace("rest")

    @bot.dialog("rest")
    async def rest(call: Call) -> None:
        assert (await call.media_ended()).reason == "finished"
        call.replace("last")

    @bot.dialog("last")
    async def last(call: Call) -> None:
        with pytest.raises(DialogError, match="no media stream"):
            await call.media_ended()

    table = Table(bot)
    table.take(conversation())
    table.signals["ready"] = ["1", None]
    assert table.take(outcome("answerAppHostedMediaOutcome")) == []
    table.signals["media_ended"] = ["2", ENDED[1]]
    assert table.take(Signalled()) == ["hangup"]


@pytest.mark.parametrize("data", [None, "text", [1], {"reason": 5}])
def test_whatever_the_signal_says_it_is_the_end(data: Any) -> None:
    ends: list[MediaEnd] = []

    async def dialog(call: Call) -> None:
        call.answer(media="echo")
        ends.append(await call.media_ended())

    table = Table(bot_of(dialog))
    table.take(conversation())
    table.signals["media_ended"] = ["1", data]
    assert table.take(outcome("answerAppHostedMediaOutcome")) == ["hangup"]
    assert ends[-1].handler == ""


def test_a_handler_that_the_bot_does_not_have() -> None:
    async def dialog(call: Call) -> None:
        call.answer(media="ecco")

    with pytest.raises(DialogError, match="no media handler named 'ecco'") as caught:
        Table(bot_of(dialog)).take(conversation())
    assert "echo" in caught.value.fix


def test_a_call_without_media_has_no_end_of_them() -> None:
    async def dialog(call: Call) -> None:
        call.say("Hello.")
        await call.media_ended()

    with pytest.raises(DialogError, match="no media stream"):
        Table(bot_of(dialog)).take(conversation())


def test_streams_of_a_call_that_goes_on_are_started_and_ended_one_after_the_other() -> None:
    heard: list[Any] = []

    async def dialog(call: Call) -> None:
        call.say("You will hear yourself.")
        await call.start_media("echo")
        order = await call.signal("order", timeout=600)
        await call.stop_media()
        end = await call.media_ended()
        await call.start_media("echo")
        heard[:] = [order and order.data, end.reason, (await call.media_ended()).reason]

    table = Table(bot_of(dialog))
    assert table.take(conversation()) == ["answer", "playPrompt", "startMedia"]
    assert table.last is not None
    assert table.last.actions[-1].to_wire() | {"operationId": ""} == {
        "operationId": "", "action": "startMedia", "handler": "echo", "number": 1
    }  # fmt: skip
    assert table.take(outcome("startMediaOutcome")) == []
    assert table.looked[-1] == ("order", "media_ended")
    table.signals["order"] = ["1", 7]
    assert table.take(Signalled()) == ["stopMedia"]
    assert table.take(outcome("stopMediaOutcome")) == []
    # What is told of its end comes twice: by the worker, and by the platform.
    table.signals["media_ended"] = ["2", {"reason": "closed"}]
    assert table.take(Signalled()) == ["startMedia"]
    assert table.last.actions[0].to_wire()["number"] == 2
    assert table.last.history.media == "echo"
    table.signals["media_ended"] = ["3", {"reason": "closed"}]
    assert table.take(outcome("startMediaOutcome")) == []
    assert table.take(Signalled()) == [], "the end of the first stream is not that of the second"
    table.signals["media_ended-2"] = ["4", {"reason": "finished"}]
    assert table.take(Signalled()) == ["hangup"]
    assert heard == [7, "closed", "finished"]


async def test_the_kit_of_tests_ends_each_of_them() -> None:
    async def dialog(call: Call) -> None:
        await call.start_media("echo")
        await call.stop_media()
        first = await call.media_ended()
        await call.start_media("echo")
        second = await call.media_ended()
        call.say(f"{first.reason}, {second.reason}")

    call = await dial(bot_of(dialog), media_ended("closed"), repeat(), media_ended("lost", number=2))
    assert call.said == ["closed, lost"]
    assert [actions[-1] for actions in call.actions] == ["startMedia", "stopMedia", "startMedia", "hangup"]


def test_a_stream_that_cannot_be_started_leaves_the_call_as_it_was() -> None:
    async def dialog(call: Call) -> None:
        try:
            await call.start_media("echo")
        except ActionFailed:
            call.say("You cannot hear yourself.")
        with pytest.raises(DialogError, match="no media stream that could be ended"):
            await call.stop_media()
        with pytest.raises(DialogError, match="no media stream that could end"):
            await call.media_ended()
        await call.signal("door", timeout=4, poll=2)
        await call.start_media("echo")
        with pytest.raises(DialogError, match="that is open"):
            await call.start_media("echo")
        call.replace("rest")

    async def rest(call: Call) -> None:
        await call.stop_media()
        await call.start_media("echo")

    bot = bot_of(dialog)
    bot.dialog("rest")(rest)
    table = Table(bot)
    assert table.take(conversation()) == ["answer", "startMedia"]
    # Nothing is open, so the wait for the signal is filled.
    assert table.take(outcome("startMediaOutcome", ok=False)) == ["playPrompt", "playPrompt"]
    assert table.take(outcome("playPromptOutcome"), at=105) == ["startMedia"]
    assert table.take(outcome("startMediaOutcome")) == ["stopMedia"]
    assert table.take(outcome("stopMediaOutcome")) == ["startMedia"]
    assert table.last is not None
    assert table.last.actions[0].to_wire()["number"] == 3


def test_it_is_the_first_thing_that_a_dialog_does() -> None:
    async def dialog(call: Call) -> None:
        call.say("Hello.")
        call.answer(media="echo")

    with pytest.raises(Exception, match="must be the first action"):
        Table(bot_of(dialog)).take(conversation())


def test_histories_without_media_are_as_they_were() -> None:
    async def dialog(call: Call) -> None:
        await call.confirm("Well?")

    table = Table(bot_of(dialog))
    table.take(conversation())
    assert table.last is not None
    assert not {"mh", "mn", "mo"} & set(json.loads(table.last.history.to_json()))
