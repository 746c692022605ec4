"""What a caller, or a fault, does at a question."""

from dataclasses import dataclass
from typing import Any

from dialtone.dialogs.commanding import TONE
from dialtone.dialogs.streaming import media_end
from dialtone.protocol import COMMANDS, rules


class WrongStep(AssertionError):
    """The caller was to do something that the call does not wait for."""


class NotTheSame(AssertionError):
    """The same callback, delivered again, got another answer: the dialog depends on more than its history."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a caller, or a fault, does at one question; made by the functions below."""

    kind: str
    value: Any = None
    seconds: float | None = None

    def __str__(self) -> str:
        if isinstance(self.value, tuple):
            values = [value for value in self.value if value is not None]
        else:
            values = [self.value] if self.value is not None else []
        return f"{self.kind}({', '.join(map(repr, values))})"


def press(keys: str) -> Step:
    """Press keys (`0` to `9`, `*`, `#`, `A` to `D`): one for a choice, more for digits, a stop tone of a recording.

    Digits end with the stop tone or with as many as are asked for; keys after that are for the next question. Raises
    `ValueError` for what is not on the keypad.
    """
    if not keys or not set(keys) <= rules.DTMF:
        raise ValueError(f"{keys!r} cannot be pressed; keys are 0 to 9, *, # and A to D")
    return Step("press", keys)


def speak(text: str, *, seconds: float | None = None) -> Step:
    """Say something: words of a choice, or a message, as long as the text takes if `seconds` does not say it."""
    return Step("speak", text, seconds)


def silence() -> Step:
    """Say and press nothing until the question times out."""
    return Step("silence")


def hang_up() -> Step:
    """Hang up; what was being said when a recording was under way is kept."""
    return Step("hang_up")


def connect() -> Step:
    """The transfer or the redirect comes about; whom the bot adds joins the call."""
    return Step("connect")


def decline(reason: str = "declined") -> Step:
    """The transfer or the redirect does not come about; whom the bot adds does not join."""
    return Step("decline", reason)


def refuse(action: str, reason: str = "refused") -> Step:
    """The platform refuses an action of the kit's own by its name: `mute`, `hold`, `startRecording`, ...

    Without this step it does them. Raises `ValueError` for what is none of `dialtone.protocol.COMMANDS`.
    """
    if action not in COMMANDS:
        raise ValueError(f"{action!r} cannot be refused; what can be: {', '.join(COMMANDS)}")
    return Step("refuse", (action, reason))


def tone(key: str) -> Step:
    """Press a key after `Call.start_tones`, for `Call.tone`. Raises `ValueError` for what is no key."""
    if key not in rules.DTMF:
        raise ValueError(f"{key!r} is not a key; keys are 0 to 9, *, # and A to D")
    return send_signal(TONE, key)


def wait(seconds: float) -> Step:
    """Let time pass before the next step: less than a question's initial silence, or any time while a signal is
    awaited, which plays what fills the waiting.
    """
    return Step("wait", seconds)


def send_signal(name: str, data: Any = None) -> Step:
    """Somebody posts a signal to the call."""
    return Step("send_signal", (name, data))


def media_ended(reason: str = "finished", detail: str = "", handler: str = "", *, number: int = 1) -> Step:
    """A media stream of the call is over (`Call.media_ended`): `number` counts them, from 1."""
    return send_signal(media_end(number), {"handler": handler, "reason": reason, "detail": detail})


def roster(*identities: str) -> Step:
    """The platform tells who is in the call now: a bot with `on_notification` in a group call (those of `others`, for
    instance), any bot once it has added somebody.
    """
    return Step("roster", identities)


def fail(reason: str = "failed") -> Step:
    """A fault: the platform could not play a prompt of the workflow, so none of its other actions was run."""
    return Step("fail", reason)


def drop() -> Step:
    """A fault: the callback never comes; the call is taken for lost."""
    return Step("drop")


def repeat() -> Step:
    """A fault: the last callback comes once more. Raises `NotTheSame` if it gets another answer.

    The functions that its turn gave to `call.run` are not run again, nor is data loaded again.
    """
    return Step("repeat")


def outcome(**members: Any) -> Step:
    """Whatever the platform may report, as it is on the wire: `outcome(type="recognizeOutcome", outcome="failure")`."""
    return Step("outcome", members)
