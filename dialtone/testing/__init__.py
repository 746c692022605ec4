"""Calls of a bot in a unit test: no network, no cloud account, milliseconds.

    result = await dial(bot, press("2"), speak("Hello, this is Nora."), hang_up())
    assert result.said[-1] == "Thank you. 4 seconds saved."
    assert result.ended_by == "bot"

1. `dial` rings the bot and plays the caller: each step is what the caller does at the next question. What needs no
   caller (a prompt that is played out, a hang-up, a wait for a signal) goes on by itself.
2. When the steps are used up and the bot still asks, the call is left open, and `result.asking` says what it asks. A
   step that the call does not wait for is a `WrongStep`, an AssertionError.
3. Between two turns the call is only its history, written and read as the platform carries it, and each workflow is
   checked against the rules of the contract.
4. The clock is virtual: it goes on by what is said, silences and `wait`.
5. What a dialog failed with is raised, unless the dialog `on_error` takes over: then it is `result.error`. What a
   function of `CallBot.receive` or `on_notification` raises, which in the cloud is only logged, is raised too.
6. A function that the dialog gives to `call.run` is run, unless `World.fakes` has something for it. Data, signals and
   placed calls live in the `World`; give several calls the same one to let them meet.
"""

from dialtone.testing.line import START, CallResult, dial
from dialtone.testing.steps import (
    NotTheSame,
    Step,
    WrongStep,
    connect,
    decline,
    drop,
    fail,
    hang_up,
    media_ended,
    outcome,
    press,
    refuse,
    repeat,
    roster,
    send_signal,
    silence,
    speak,
    tone,
    wait,
)
from dialtone.testing.world import World

__all__ = [
    "START",
    "CallResult",
    "NotTheSame",
    "Step",
    "World",
    "WrongStep",
    "connect",
    "decline",
    "dial",
    "drop",
    "fail",
    "hang_up",
    "media_ended",
    "outcome",
    "press",
    "refuse",
    "repeat",
    "roster",
    "send_signal",
    "silence",
    "speak",
    "tone",
    "wait",
]
