"""What a caller types in secret reaches the dialog and nobody else."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import Call, Prompt, Secret
from dialtone.dialogs import Event
from dialtone.dialogs.engine import take_turn
from dialtone.dialogs.secret import has_secret, without_secrets
from dialtone.errors import DialogError, WorkflowError
from dialtone.testing import dial, press
from tests.dialogs.line import APOLOGY, CALL_ID, bot_of, conversation, dialled, result

PIN = Prompt("pin", "Your PIN?", secret=True)
Dialog = Callable[[Call], Awaitable[None]]


def stored(history: Any) -> str:
    return str(history.to_json())


async def test_the_digits_reach_the_dialog_again_and_again_and_the_history_has_them_sealed() -> None:
    seen: list[Any] = []
    checked: list[Any] = []

    async def check(pin: str) -> bool:
        checked.append(pin)
        return pin == "4711"

    async def dialog(call: Call) -> None:
        pin = await call.digits(PIN, maximum=4)
        seen.append(pin)
        right = await call.run(check, pin or "")
        await call.choose("Go on?", {"yes": "1", "no": "2"})
        call.say(f"{right} {pin}")

    done = await dial(bot_of(dialog), press("4711"), press("1"))
    assert done.said[-1] == "True ****"
    assert len(seen) == 3
    assert all(isinstance(pin, Secret) and pin == "4711" and pin.reveal() == "4711" for pin in seen)
    assert checked == ["4711"]


async def test_recognize_gives_a_secret_too() -> None:
    from dialtone.protocol import CollectDigits

    async def dialog(call: Call) -> None:
        heard = await call.recognize(PIN, digits=CollectDigits(max_number_of_dtmfs=4))
        call.say(str(isinstance(heard.digits, Secret)))

    assert (await dial(bot_of(dialog), press("4711"))).said[-1] == "True"


def test_a_secret_tells_itself_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    pin = Secret("4711")
    logging.getLogger("x").warning("%s %r", pin, pin)
    told = [str(pin), repr(pin), f"{pin} {pin!r} {pin:>8}", "%s" % pin, str(KeyError(pin)), caplog.text]  # noqa: UP031
    assert all("4711" not in each for each in told), told
    assert (pin == "4711", pin[-2:], len(pin), bool(pin)) == (True, "11", 4, True)
    assert type(pin.reveal()) is str
    assert json.dumps(pin.reveal()) == '"4711"'


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (lambda call, pin: call.say(pin), WorkflowError),
        (lambda call, pin: call.say(Prompt("echo", pin)), WorkflowError),
        (lambda call, pin: call.replace("other", pin=pin), DialogError),
        (lambda call, pin: call.replace("other", pins=[{"pin": pin}]), DialogError),
    ],
)
async def test_where_it_would_be_stored_it_is_refused(
    what: Callable[[Call, str], None], error: type[Exception]
) -> None:
    async def dialog(call: Call) -> None:
        pin = await call.digits(PIN)
        assert pin is not None
        what(call, pin)

    async def other(call: Call, **_: Any) -> None:
        call.say("Other.")

    with pytest.raises(error) as refused:
        await dial(bot_of(dialog, other=other), press("4711"))
    assert "4711" not in str(refused.value)


async def test_users_data_and_results_do_not_take_it() -> None:
    async def keeps(call: Call) -> None:
        data = await call.user_data()
        data["pin"] = await call.digits(PIN)

    async def echo(pin: str) -> str:
        return pin

    async def returns(call: Call) -> None:
        await call.run(echo, await call.digits(PIN) or "")

    for dialog in (keeps, returns):
        with pytest.raises(Exception, match="typed in secret") as refused:
            await dial(bot_of(dialog), press("4711"))
        assert "4711" not in str(refused.value)


async def test_what_is_run_is_known_by_nothing_that_was_typed() -> None:
    async def check(pin: str) -> bool:
        return True

    async def dialog(call: Call) -> None:
        await call.run(check, await call.digits(PIN) or "")
        await call.choose("Go on?", {"yes": "1"})

    first, second = [await dial(bot_of(dialog), press(pin)) for pin in ("1111", "9999")]
    assert first.asking == second.asking


def test_without_a_key_it_is_not_asked_for_in_vain() -> None:
    async def dialog(call: Call) -> None:
        await call.digits(PIN)

    bot = bot_of(dialog)
    turn = take_turn(bot, None, Event(conversation(), 1.0))
    turn = take_turn(bot, turn.history, Event(result(dialled("4711")), 2.0))
    assert isinstance(turn.error, DialogError)
    assert "no key" in str(turn.error)
    assert "4711" not in stored(turn.history)
    assert [prompt.value for action in turn.actions for prompt in getattr(action, "prompts", [])] == [APOLOGY]


def test_helpers() -> None:
    assert has_secret({"a": [1, ("x", Secret("1"))]})
    assert not has_secret({"a": [1, ("x", "1")]})
    assert without_secrets([{"a": Secret("1")}, "b"]) == [{"a": "****"}, "b"]
    assert CALL_ID
