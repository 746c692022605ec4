"""`dialtone.testing`: each step, each fault, each error, the clock, the world, and what a call's result has."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import (
    ActionFailed,
    ActivityFailed,
    Call,
    CallBot,
    CallEnded,
    CallStateChange,
    Prompt,
    Recording,
    RosterUpdate,
    User,
    signal_url,
)
from dialtone.dialogs import Event
from dialtone.errors import DependencyError, DialogError, ReplayMismatch, WorkflowError
from dialtone.protocol import Action
from dialtone.testing import (
    START,
    CallResult,
    NotTheSame,
    Step,
    World,
    WrongStep,
    connect,
    decline,
    dial,
    drop,
    fail,
    hang_up,
    media_ended,
    outcome,
    press,
    repeat,
    roster,
    send_signal,
    silence,
    speak,
    wait,
)

CHOICES = {"yes": ("1", "yes"), "no": ("2", "no", "no thanks")}
NOTHING = "I couldn't hear anything."


def bot_of(dialog: Callable[[Call], Awaitable[Any]]) -> CallBot:
    bot = CallBot()
    bot.incoming(dialog)
    return bot


async def came(word: Callable[[Call], Awaitable[Any]], *steps: Step, **how: Any) -> Any:
    """What a word came to in a call with these steps."""
    seen: list[Any] = []

    async def dialog(call: Call) -> None:
        seen.clear()
        seen.append(await word(call))

    await dial(bot_of(dialog), *steps, **how)
    (value,) = seen
    return value


async def choosing(call: Call) -> str | None:
    return await call.choose("Which?", CHOICES)


async def recording(call: Call) -> Recording:
    return await call.record("Speak.", stop_tones="#", max_seconds=10)


async def look_up(number: str) -> str:
    """Stands for what reaches outside; no test may run it."""
    raise AssertionError(number)


# Steps.


@pytest.mark.parametrize(
    ("steps", "chosen"),
    [
        ([press("1")], "yes"),
        ([speak("Yes, please")], "yes"),
        ([speak("no thanks")], "no"),
        ([press("3"), speak("maybe"), silence()], None),
        ([silence(), press("2")], "no"),
    ],
)
async def test_a_choice(steps: list[Step], chosen: str | None) -> None:
    assert await came(choosing, *steps) == chosen


@pytest.mark.parametrize(
    ("step", "notice"),
    [
        (press("3"), "That's an invalid option."),
        (speak("maybe"), "I'm sorry. I didn't understand."),
        (silence(), NOTHING),
    ],
)
async def test_a_question_that_is_asked_again_says_why(step: Step, notice: str) -> None:
    call = await dial(bot_of(choosing), step)
    assert call.said == ["Which?", notice, "Which?"]


@pytest.mark.parametrize(
    ("steps", "digits"),
    [
        ([press("12#")], "12"),
        ([press("1234")], "1234"),
        ([press("12")], "12"),
        ([silence(), press("7#")], "7"),
        ([press("#"), silence(), silence()], None),
        ([speak("twelve"), press("12")], "12"),
    ],
)
async def test_digits(steps: list[Step], digits: str | None) -> None:
    assert await came(lambda call: call.digits("Type.", maximum=4), *steps) == digits


async def test_keys_after_the_last_digit_are_for_the_next_question() -> None:
    async def two(call: Call) -> tuple[str | None, str | None]:
        return await call.digits("Type.", maximum=2), await choosing(call)

    assert await came(two, press("121")) == ("12", "yes")
    with pytest.raises(WrongStep, match=r"nothing waits for press\('#'\): the call is over"):
        await came(lambda call: call.digits("Type.", maximum=2), press("12#"))


@pytest.mark.parametrize(
    ("steps", "seconds", "reason"),
    [
        ([speak("Hello, this is Nora.")], 1.2, "completedSilenceDetected"),
        ([speak("Hello.", seconds=7.5), press("#")], 7.5, "completedStopToneDetected"),
        ([speak("", seconds=12)], 10, "maxRecordingTimeout"),
        ([speak("Hello.", seconds=2), hang_up()], 2, "callTerminated"),
        ([silence(), speak("Hello.", seconds=2)], 2, "completedSilenceDetected"),
        ([press("#")], 0.3, "completedStopToneDetected"),
    ],
)
async def test_a_recording(steps: list[Step], seconds: float, reason: str) -> None:
    kept = await came(recording, *steps)
    assert (bool(kept), kept.seconds, kept.reason) == (True, seconds, reason)


async def test_recordings_are_in_the_result() -> None:
    kept: list[Recording] = []

    async def dialog(call: Call) -> None:
        kept[:] = [await recording(call), await call.record(format="mp3")]

    call = await dial(bot_of(dialog), speak("Hello.", seconds=2), speak("Hello.", seconds=3))
    assert call.recordings == [(kept[0].path, 2), (kept[1].path, 3)]
    assert [path.rpartition(".")[2] for path, _ in call.recordings] == ["wav", "mp3"]
    assert kept[0].size == 64_000


async def test_nothing_is_recorded() -> None:
    assert not await came(recording, silence(), silence(), silence())


@pytest.mark.parametrize(("step", "ok", "ended_by"), [(connect(), True, "transfer"), (decline("busy"), False, "bot")])
async def test_a_transfer(step: Step, ok: bool, ended_by: str) -> None:
    seen: list[bool] = []

    async def dialog(call: Call) -> None:
        seen.append(await call.transfer("8:sales"))

    call = await dial(bot_of(dialog), step)
    assert (seen, call.ended_by) == ([ok], ended_by)
    assert "transfers to 8:sales" in str(call)


async def after(word: Callable[[Call], Awaitable[Any]], *steps: Step) -> tuple[CallResult, str]:
    """A call, and the reason of the `CallEnded` that its dialog saw."""
    reasons: list[str] = []

    async def dialog(call: Call) -> None:
        try:
            await word(call)
            await call.choose("Still there?", CHOICES)
        except CallEnded as ended:
            reasons.append(ended.reason)
            raise

    call = await dial(bot_of(dialog), *steps)
    return call, reasons[-1]


@pytest.mark.parametrize(
    "word",
    [
        choosing,
        recording,
        lambda call: call.digits("Type."),
        lambda call: call.transfer("8:sales"),
        lambda call: call.signal("paid"),
    ],
    ids=["choose", "record", "digits", "transfer", "signal"],
)
async def test_the_caller_hangs_up(word: Callable[[Call], Awaitable[Any]]) -> None:
    call, reason = await after(word, hang_up())
    assert (reason, call.ended_by, call.asking) == ("callerHungUp", "caller", None)
    assert len(call.workflows) == 1


# Faults.


async def test_a_callback_that_never_comes() -> None:
    call, reason = await after(choosing, drop())
    assert (reason, call.ended_by) == ("lost", "lost")


async def test_a_prompt_that_cannot_be_played() -> None:
    async def dialog(call: Call) -> None:
        try:
            await choosing(call)
        except ActionFailed as failure:
            call.say(failure.reason)

    call = await dial(bot_of(dialog), fail("no such file"))
    assert call.said == ["Which?", "no such file"]


async def test_a_callback_that_comes_again_gets_the_same_answer() -> None:
    call = await dial(bot_of(choosing), repeat(), silence(), repeat(), press("1"))
    assert call.said == ["Which?", NOTHING, "Which?"]


async def test_a_dialog_that_is_not_pure_is_found_by_a_repetition() -> None:
    async def dialog(call: Call) -> None:
        call.say(f"Number {random.random()}.")
        await choosing(call)

    with pytest.raises(NotTheSame, match=r"turn 0 came out differently .*: the workflow was .*Number"):
        await dial(bot_of(dialog), repeat())


async def test_a_dialog_that_asks_something_else_when_it_is_run_again_is_a_mismatch() -> None:
    asked: list[str] = []

    async def dialog(call: Call) -> None:
        asked.append("again?")
        await call.choose("".join(asked), CHOICES)

    with pytest.raises(ReplayMismatch):
        await dial(bot_of(dialog), press("1"))


async def test_a_repetition_runs_loads_and_places_nothing_again() -> None:
    numbers = iter(range(10))

    async def dialog(call: Call) -> None:
        data = await call.user_data()
        data["calls"] = data.get("calls", 0) + 1
        number = await call.run(look_up, "1")
        place = await call.place("8:lars")
        found = await call.signal("paid", timeout=0)
        try:
            await call.run(look_up, "2")
        except ActivityFailed as failure:
            await call.choose(f"{number} {place} {found} {failure.reason}", CHOICES)

    def fake(number: str) -> int:
        if number == "2":
            raise ValueError("no")
        return next(numbers)

    world = World(fakes={look_up: fake})
    call = await dial(bot_of(dialog), send_signal("paid"), repeat(), press("1"), world=world)
    assert call.said == ["0 placed-1 None ValueError: no"]
    assert (len(world.ran), len(world.placed), world.user_data()) == (2, 1, {"calls": 1})


async def test_whatever_the_platform_may_report() -> None:
    part = {"completionReason": "incorrectDtmf"}
    step = outcome(type="recognizeOutcome", outcome="failure", choiceOutcome=part)
    heard = await came(lambda call: call.recognize("Which?", choices=CHOICES), step)
    assert (heard.choice, heard.reason) == (None, "incorrectDtmf")


# What a test did wrong.


@pytest.mark.parametrize(
    ("word", "step", "message"),
    [
        (
            choosing,
            connect(),
            "the bot waits for a choice (press one key, speak, silence), and nothing waits for connect()",
        ),
        (choosing, press("12"), "and nothing waits for press('12')"),
        (recording, decline("busy"), "a recording (speak, silence, press #), and nothing waits for decline('busy')"),
        (recording, decline("#"), "nothing waits for decline('#')"),
        (recording, press("5"), "nothing waits for press('5')"),
        (lambda call: call.record(), press("#"), "the bot waits for a recording (speak, silence), and nothing"),
        (lambda call: call.digits("Type."), connect(), "the bot waits for digits (press, silence), and nothing"),
        (
            lambda call: call.transfer("8:sales"),
            press("1"),
            "a transfer (connect, decline), and nothing waits for press('1')",
        ),
    ],
)
async def test_a_step_that_the_call_does_not_wait_for(
    word: Callable[[Call], Awaitable[Any]], step: Step, message: str
) -> None:
    with pytest.raises(WrongStep) as caught:
        await came(word, step)
    assert message in str(caught.value)


async def test_a_step_after_the_end_says_how_the_call_went() -> None:
    with pytest.raises(WrongStep) as caught:
        await dial(bot_of(choosing), press("1"), press("2"))
    assert str(caught.value).splitlines() == [
        "nothing waits for press('2'): the call is over, ended by bot",
        '   0.0  bot       "Which?"',
        "   0.4  caller    presses 1",
        "   0.7  bot       hangs up",
    ]


@pytest.mark.parametrize("keys", ["", "x", "1 2", "a"])
def test_what_is_not_on_the_keypad_cannot_be_pressed(keys: str) -> None:
    with pytest.raises(ValueError, match="cannot be pressed; keys are 0 to 9"):
        press(keys)


async def test_who_waits_too_long_at_a_question_is_silent() -> None:
    with pytest.raises(WrongStep, match=r"wait\(5\) is too long: the question times out after 5 s, which is silence"):
        await dial(bot_of(choosing), wait(5), press("1"))


async def test_a_signal_is_looked_for_while_time_passes() -> None:
    async def dialog(call: Call) -> None:
        call.say(f"{await call.signal('paid', poll=2)}")

    call = await dial(bot_of(dialog), wait(5), send_signal("paid", 7))
    # Three times two seconds of silence, then the look that finds it.
    assert call.said == ["Signal(name='paid', data=7)"]
    assert (len(call.workflows), call.transcript[0]) == (4, "   6.0  signal    paid")


async def test_only_a_group_call_of_a_bot_that_wants_it_has_a_roster() -> None:
    bot = bot_of(choosing)
    with pytest.raises(WrongStep, match="only a group call has a roster"):
        await dial(bot, roster("8:nora"))
    with pytest.raises(WrongStep, match="only to a bot with @bot"):
        await dial(bot, roster("8:nora"), others=["8:lars"])


# What a bot did wrong.


async def test_what_a_dialog_fails_with_is_raised() -> None:
    async def dialog(call: Call) -> None:
        await choosing(call)
        raise LookupError("nobody")

    with pytest.raises(LookupError, match="nobody") as caught:
        await dial(bot_of(dialog), press("1"))
    assert "test_testing.py" in caught.value.__notes__[0]


async def failing(call: Call) -> None:
    call.say("Before.")
    raise LookupError("nobody")


async def test_the_dialog_that_takes_over_is_seen() -> None:
    bot = bot_of(failing)

    @bot.on_error
    async def sorry(call: Call, error: str) -> None:
        call.say(error)
        await choosing(call)
        call.say("Goodbye.")

    call = await dial(bot, press("1"))
    assert call.said == ["Before.", "LookupError: nobody", "Which?", "Goodbye."]
    assert (repr(call.error), call.ended_by) == ("LookupError('nobody')", "bot")


async def test_what_the_dialog_that_takes_over_fails_with_is_raised() -> None:
    bot = bot_of(failing)

    @bot.on_error
    async def sorry(call: Call, error: str) -> None:
        await choosing(call)
        raise ArithmeticError("too")

    with pytest.raises(ArithmeticError, match="too"):
        await dial(bot, press("1"))


async def test_when_both_fail_in_one_turn_the_first_is_raised() -> None:
    bot = bot_of(failing)

    @bot.on_error
    async def sorry(call: Call, error: str) -> None:
        raise ArithmeticError("too")

    with pytest.raises(LookupError) as caught:
        await dial(bot)
    assert caught.value.__notes__[-1] == "the dialog on_error failed too"


async def test_the_dialog_that_takes_over_may_be_replaced() -> None:
    bot = bot_of(failing)

    @bot.on_error
    async def sorry(call: Call, error: str) -> None:
        call.replace("again")

    @bot.dialog("again")
    async def again(call: Call) -> None:
        call.say("Again.")

    call = await dial(bot)
    assert (call.said, type(call.error)) == (["Before.", "Again."], LookupError)


async def test_a_workflow_that_a_sender_spoils_is_refused() -> None:
    bot = bot_of(choosing)

    @bot.send
    async def spoil(call_id: str, actions: list[Action]) -> list[Action]:
        return actions[::-1]

    with pytest.raises(WorkflowError):
        await dial(bot)


async def test_what_is_told_events_and_what_it_raises() -> None:
    bot = bot_of(choosing)
    events: list[Event] = []

    @bot.receive
    async def told(event: Event) -> None:
        events.append(event)
        if len(events) == 3:
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        await dial(bot, repeat(), press("1"))
    assert [event.begins for event in events] == [True, True, False]


# The clock.


async def test_time_goes_on_by_what_is_said_by_silence_and_by_waiting() -> None:
    times: list[float] = []

    async def dialog(call: Call) -> None:
        times.append(call.now().timestamp())
        call.say(Prompt(text="1234567890", silence_ms=2000))
        await call.choose("1234567890", CHOICES, initial_silence=8)
        times.append(call.now().timestamp())
        await choosing(call)

    call = await dial(bot_of(dialog), wait(7), silence(), press("1"), at=START)
    # 2 s, twice ten characters of 0.06 s, 7 s, 8 s; then the notice and the question again, and a key of 0.3 s.
    again = 0.06 * len(NOTHING + "1234567890")
    assert times == pytest.approx([START] * 2 + [START, START + 18.2 + again + 0.3])
    assert call.seconds == pytest.approx(times[-1] - START + 0.06 * len("Which?"))


@pytest.mark.parametrize("seed", [0, 1])
async def test_chance_comes_from_the_seed(seed: int) -> None:
    async def chance(call: Call) -> float:
        await choosing(call)
        return call.random()

    assert await came(chance, press("1"), seed=seed) == await came(chance, press("1"), seed=seed)
    assert await came(chance, press("1"), seed=seed) != await came(chance, press("1"), seed=seed + 7)


# The world.


async def async_fake(number: str) -> str:
    return f"{number}!"


@pytest.mark.parametrize(
    ("fake", "result"),
    [("Nora", "Nora"), (None, None), (lambda number: number * 2, "77"), (async_fake, "7!")],
    ids=["a value", "None", "a function", "an async function"],
)
async def test_what_is_run_is_faked(fake: Any, result: Any) -> None:
    world = World(fakes={look_up: fake})
    assert await came(lambda call: call.run(look_up, "7"), world=world) == result
    assert world.ran == [("look_up", ("7",))]


async def test_what_is_run_fails() -> None:
    async def run(call: Call) -> str:
        try:
            return await call.run(look_up, "7")
        except ActivityFailed as failure:
            return failure.reason

    assert await came(run, world=World(fakes={look_up: TimeoutError("slow")})) == "TimeoutError: slow"
    with pytest.raises(DependencyError):
        await came(run, world=World(fakes={look_up: DependencyError("down")}))


async def test_what_is_not_faked_is_run() -> None:
    async def double(number: int) -> int:
        return 2 * number

    world = World()
    assert await came(lambda call: call.run(double, 21), world=world) == 42
    assert world.ran == [("double", (21,))]


@pytest.mark.parametrize(
    ("fake", "name"), [(User("crm-7", "Ms Nora"), "Ms Nora"), (None, "Nora"), (lambda _: User("crm-8", "N."), "N.")]
)
async def test_users_are_looked_up(fake: Any, name: str) -> None:
    bot = CallBot()

    async def find(caller: object) -> User | None:
        raise AssertionError(caller)

    bot.lookup_user(find)

    @bot.incoming
    async def greet(call: Call) -> None:
        call.say(f"Hello, {call.user.name}.")

    world = World(fakes={find: fake})
    assert (await dial(bot, world=world)).said == [f"Hello, {name}."]
    assert [ran for ran, _ in world.ran] == ["find"]


async def test_calls_that_share_a_world_share_its_data() -> None:
    async def dialog(call: Call) -> None:
        user, conversation = await call.user_data(), await call.conversation_data()
        user["calls"] = user.get("calls", 0) + 1
        conversation["by"] = call.user.identity
        await choosing(call)
        del user["calls"], conversation["by"]

    bot, world = bot_of(dialog), World()
    for caller, thread in [("8:nora", "19:a"), ("8:nora", "19:b"), ("8:lars", "19:b")]:
        await dial(bot, world=world, caller=caller, others=["8:ines"], thread_id=thread)
    assert [world.user_data(), world.user_data("8:lars")] == [{"calls": 2}, {"calls": 1}]
    assert [world.conversation_data(thread) for thread in ("19:a", "19:b")] == [{"by": "8:nora"}, {"by": "8:lars"}]
    await dial(bot, press("1"), world=world, others=["8:ines"], thread_id="19:b")
    assert (world.user_data(), world.conversation_data("19:b")) == ({}, {})
    assert world.calls == 4


async def test_private_data_goes_with_the_call() -> None:
    async def dialog(call: Call) -> None:
        (await call.private_data())["step"] = 1
        await choosing(call)

    world = World()
    await dial(bot_of(dialog), world=world)
    assert [key.bag for key in world.data] == ["private"]
    await dial(bot_of(dialog), press("1"), world=(ended := World()))
    assert ended.data == {}


async def test_a_signal_is_taken_once_and_by_its_name() -> None:
    seen: list[Any] = []

    async def dialog(call: Call) -> None:
        seen.clear()
        for name in ("paid", "paid", "sent", "paid"):
            signal = await call.signal(name, timeout=6)
            seen.append(signal and signal.data)

    steps = [send_signal("paid", 1), send_signal("sent"), wait(3), send_signal("paid", {"n": 2})]
    await dial(bot_of(dialog), *steps)
    assert seen == [1, {"n": 2}, None, None]


async def test_the_address_of_a_signal_is_known_to_what_is_run() -> None:
    async def address() -> str:
        return signal_url("paid")

    url = await came(lambda call: call.run(address))
    assert url == "https://bot.test/api/calls/call-1/signals/paid?key=test"
    with pytest.raises(DialogError, match="known only to functions that a dialog runs"):
        signal_url("paid")


async def test_a_call_that_was_placed() -> None:
    bot = CallBot()

    @bot.incoming
    async def ask(call: Call) -> None:
        call.say(await call.place("8:lars", about=["order", 7]))

    @bot.outgoing
    async def greet(call: Call, about: list[Any]) -> None:
        caller = call.caller
        assert caller is not None
        call.say(f"{caller.identity} calls {call.participants[1].display_name} about {about}.")

    call = await dial(bot)
    (placed,) = call.world.placed
    assert (call.said, placed.target) == (["placed-1"], "8:lars")
    back = await dial(bot, placed=placed, name="Lars", world=call.world)
    assert back.said == ["28:bot calls Lars about ['order', 7]."]
    # It is answered already.
    assert (back.call_id, back.actions) == ("call-2", [["playPrompt", "hangup"]])


async def test_who_is_in_a_group_call() -> None:
    bot = CallBot()
    told: list[tuple[str, ...]] = []

    @bot.incoming
    async def count(call: Call) -> None:
        names = " ".join(member.identity for member in call.participants)
        await call.choose(f"{call.subject} {call.is_multiparty} {names}", CHOICES, retries=0)
        call.say(" ".join(member.identity for member in call.participants))

    @bot.on_notification
    async def listen(notification: CallStateChange | RosterUpdate) -> None:
        assert isinstance(notification, RosterUpdate)
        told.append(notification.identities)

    steps = [roster("8:nora", "8:ines", "28:bot"), press("1")]
    call = await dial(bot, *steps, others=["8:lars"], subject="Lunch")
    assert call.said == ["Lunch True 8:nora 8:lars 28:bot", "8:nora 8:ines 28:bot"]
    assert told == [("8:nora", "8:ines", "28:bot")]


# What a result has.


async def test_what_a_result_has() -> None:
    async def dialog(call: Call) -> None:
        call.say(Prompt("welcome", "Welcome."))
        call.play("https://contoso.test/jingle.wav")
        await choosing(call)

    call = await dial(bot_of(dialog), caller="8:ines", name="Ines")
    assert call.actions == [["answer", "playPrompt", "playPrompt", "recognize"]]
    assert call.asking is not None
    assert (call.asking.action, call.ended_by, call.call_id) == ("recognize", "", "call-1")
    assert call.transcript == [
        '   0.0  bot       "Welcome."',
        "   0.5  bot       plays https://contoso.test/jingle.wav",
        '   0.5  bot       "Which?"',
    ]
    assert str(call) == "\n".join(call.transcript)
    assert call.workflows[0]["actions"][1]["prompts"] == [{"value": "Welcome."}]
    facts = call.turns[0].history.facts
    assert facts.caller is not None
    assert (facts.caller.identity, facts.caller.display_name, facts.caller.language_id) == ("8:ines", "Ines", "en-US")


async def test_a_call_that_is_rejected() -> None:
    async def dialog(call: Call) -> None:
        call.reject()

    call = await dial(bot_of(dialog))
    assert (call.actions, call.transcript) == ([["reject"]], ["   0.0  bot       rejects"])


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (press("2"), "press('2')"),
        (hang_up(), "hang_up()"),
        (send_signal("paid", {"a": 1}), "send_signal('paid', {'a': 1})"),
        (roster("8:nora", "8:lars"), "roster('8:nora', '8:lars')"),
        (outcome(type="x"), "outcome({'type': 'x'})"),
    ],
)
def test_a_step_says_how_it_is_written(step: Step, text: str) -> None:
    assert str(step) == text


def media_bot() -> CallBot:
    bot = CallBot()

    @bot.media("echo")
    async def echo(stream: Any) -> None: ...

    @bot.incoming
    async def talk(call: Call) -> None:
        call.answer(media="echo")
        order = await call.signal("order", timeout=600)
        end = await call.media_ended()
        call.say(f"{order.data if order else 'nothing'}, {end.reason}")

    return bot


async def test_a_call_with_media_waits_for_signals() -> None:
    result = await dial(media_bot(), wait(5), send_signal("order", "soup"), repeat(), media_ended("failed"))
    assert result.said == ["soup, failed"]
    assert result.actions == [["answerAppHostedMedia"], ["playPrompt", "hangup"]]
    assert result.ended_by == "bot"


async def test_a_call_with_media_ends_by_the_caller_and_by_nobody() -> None:
    result = await dial(media_bot(), hang_up())
    assert (result.ended_by, result.said) == ("caller", [])
    result = await dial(media_bot())
    assert (result.ended_by, result.asking) == ("", None)
    result = await dial(media_bot(), drop())
    assert result.ended_by == "lost"
    with pytest.raises(WrongStep, match="waits for a signal"):
        await dial(media_bot(), press("1"))
