"""What goes wrong on the way: a plan of faults, each at a request of the platform to the bot.

A fault is a mapping with its name and, in `at`, the number of the request: 0 is the first of the call. On a command
line it is written `NAME=VALUE@AT`, such as `duplicate=2@1`; `lost_caller@1` is `lost_caller=true@1`.

| fault       | value                        | what happens at that request                                            |
|-------------|------------------------------|-------------------------------------------------------------------------|
| duplicate   | copies, 1 to 16              | so many more copies are sent at the same time                           |
| reorder     | requests, 1 to 16            | one more copy comes late: after so many later requests were answered    |
| delay       | seconds, above 0             | it arrives so much later                                                |
| drop        | attempts, 1 to 3             | so many attempts do not arrive; the platform waits, then tries again    |
| drop_reply  | attempts, 1 to 3             | so many attempts arrive, and their replies are lost                     |
| slow        | seconds, above 0             | the first reply takes so long; a time-out of the platform cuts it off   |
| storage     | attempts, 1 to 3             | the bot's storage answers 503 during so many attempts                   |
| kill        | before, after                | the bot's host is killed and started again, before the request arrives, |
|             |                              | or after it was answered and before the reply arrives                   |
| bad_token   | missing, signature, expired, | an attempt with such a token comes first; it must be refused            |
|             | audience, issuer             |                                                                         |
| skew        | seconds, -300 to 300         | the token was made by a clock that is so much ahead (behind, below 0)   |
| lost_caller | true                         | the caller is gone while the request is on its way                      |
| no_callback | true                         | it does not arrive, nor does any later one: the bot has to see by       |
|             |                              | itself that the call is lost; when it had the time, the request comes   |
|             |                              | after all, and there must be nothing to do                              |

The faults are the platform's and the network's, so a bot must stand them: the Skype Calling API does not guarantee
that a callback arrives, repeats it with the same Message-ID after a 5xx or a time-out, and gives no order.
`storage`, `kill` and `no_callback` need whoever runs the bot to lend a hand (`simulator.house`), token faults need an
issuer of tokens (`simulator.issuer`).
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Copies = Annotated[int, Field(ge=1, le=16)]
Attempts = Annotated[int, Field(ge=1, le=3)]
Delay = Annotated[float, Field(gt=0, le=3600)]
BadToken = Literal["missing", "signature", "expired", "audience", "issuer"]


class Fault(BaseModel):
    """One fault, at the request number `at` of the call."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    at: Annotated[int, Field(ge=0)]

    @property
    def verb(self) -> str:
        """Its name."""
        return next(name for name in type(self).model_fields if name != "at")

    @property
    def value(self) -> Any:
        """Its value, as in a script."""
        return getattr(self, self.verb)

    def __str__(self) -> str:
        value = "" if self.value is True else f"={self.value:g}" if isinstance(self.value, float) else f"={self.value}"
        return f"{self.verb}{value}@{self.at}"


class DuplicateFault(Fault):
    """More copies of a request arrive with it."""

    duplicate: Copies


class ReorderFault(Fault):
    """A copy of a request arrives after later ones."""

    reorder: Copies


class DelayFault(Fault):
    """A request arrives late."""

    delay: Delay


class DropFault(Fault):
    """A request does not arrive."""

    drop: Attempts


class DropReplyFault(Fault):
    """A reply does not arrive."""

    drop_reply: Attempts


class SlowFault(Fault):
    """A reply takes long."""

    slow: Delay


class StorageFault(Fault):
    """Storage answers 503."""

    storage: Attempts


class KillFault(Fault):
    """The host is killed and started again."""

    kill: Literal["before", "after"]


class BadTokenFault(Fault):
    """A request that is not the platform's comes first."""

    bad_token: BadToken


class SkewFault(Fault):
    """The platform's clock is wrong."""

    skew: Annotated[float, Field(ge=-300, le=300)]


class LostCallerFault(Fault):
    """The caller is gone."""

    lost_caller: Literal[True]


class NoCallbackFault(Fault):
    """The platform is not heard of any more."""

    no_callback: Literal[True]


AnyFault = (
    DuplicateFault
    | ReorderFault
    | DelayFault
    | DropFault
    | DropReplyFault
    | SlowFault
    | StorageFault
    | KillFault
    | BadTokenFault
    | SkewFault
    | LostCallerFault
    | NoCallbackFault
)
FAULTS: Final[dict[str, type[AnyFault]]] = {
    "duplicate": DuplicateFault,
    "reorder": ReorderFault,
    "delay": DelayFault,
    "drop": DropFault,
    "drop_reply": DropReplyFault,
    "slow": SlowFault,
    "storage": StorageFault,
    "kill": KillFault,
    "bad_token": BadTokenFault,
    "skew": SkewFault,
    "lost_caller": LostCallerFault,
    "no_callback": NoCallbackFault,
}
ALLOWED: Final = {
    "duplicate": "copies, 1 to 16",
    "reorder": "requests, 1 to 16",
    "delay": "seconds, above 0",
    "drop": "attempts, 1 to 3",
    "drop_reply": "attempts, 1 to 3",
    "slow": "seconds, above 0",
    "storage": "attempts, 1 to 3",
    "kill": "before or after",
    "bad_token": "missing, signature, expired, audience or issuer",
    "skew": "seconds, -300 to 300",
    "lost_caller": "true",
    "no_callback": "true",
}
NEEDS_HOUSE: Final = frozenset({"storage", "kill", "no_callback"})
NEEDS_TOKENS: Final = frozenset({"bad_token", "skew"})
CUTS: Final = frozenset({"lost_caller", "no_callback"})
"""Faults that cut a call short: it cannot go on as it would have."""


def read_fault(value: Any) -> AnyFault:
    """A fault as a script has it. Raises ValueError, which pydantic's ValidationError is."""
    named = [verb for verb in FAULTS if isinstance(value, dict) and verb in value]
    if len(named) != 1:
        raise ValueError(f"a fault has exactly one of {', '.join(FAULTS)}, and `at`")
    fault: AnyFault = FAULTS[named[0]].model_validate(value)
    return fault


def parse_fault(text: str) -> AnyFault:
    """A fault as a command line has it, `NAME=VALUE@AT`. Raises ValueError that says what is allowed."""
    head, _, at = text.rpartition("@")
    verb, _, value = head.partition("=")
    if verb not in FAULTS:
        raise ValueError(f"{text!r} is no fault; write NAME=VALUE@AT, with a name of {', '.join(FAULTS)}")
    try:
        is_true = ALLOWED[verb] == "true" and value in ("", "true")
        return FAULTS[verb].model_validate({verb: is_true or value, "at": at})
    except ValidationError as error:
        member = error.errors()[0]["loc"][0]
        allowed = ALLOWED[verb] if member == verb else "the number of a request, from 0"
        raise ValueError(f"{text!r} is no fault: {member} is {allowed}") from None


class Plan:
    """The faults of one call."""

    def __init__(self, faults: tuple[AnyFault, ...] = ()) -> None:
        self._faults = {(fault.verb, fault.at): fault for fault in faults}

    def at(self, number: int, verb: str) -> Any:
        """The value of the fault `verb` at a request; None when there is none."""
        fault = self._faults.get((verb, number))
        return None if fault is None else fault.value

    def beyond(self, requests: int) -> list[AnyFault]:
        """The faults at requests that a call of so many requests did not have."""
        return [fault for fault in self._faults.values() if fault.at >= requests]
