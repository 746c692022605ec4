"""What a platform is to the rest of the simulator.

A platform is opened once (`simulator.opening`), with all that does not change from call to call: its settings, its
tokens, the REST API that it serves where it takes commands. Each call is then made by `new_call`, on a line of its own.
Whoever adds a platform writes these two and an entry in `simulator.opening.PLATFORMS`.
"""

from dataclasses import dataclass
from typing import Protocol

from dialtone.protocol import RecordingFormat
from simulator.delivery import Delivery
from simulator.house import House
from simulator.line import Line
from simulator.script import CallSetup, Send
from simulator.wire import Response, Wire


@dataclass(frozen=True)
class Recording:
    """A recording's bytes, and what they are."""

    operation_id: str
    format: RecordingFormat
    seconds: float
    data: bytes


@dataclass(frozen=True)
class Ringing:
    """Whom a call rings and how: the bot's address, over which wire, with the ids of which seed, with whose help."""

    bot_url: str
    wire: Wire
    seed: int
    house: House | None = None


class PlatformCall(Protocol):
    """One call. The `problems` of its delivery say why the bot ended or broke the call."""

    @property
    def delivery(self) -> Delivery:
        """What delivers its messages."""

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded."""

    async def run(self) -> None:
        """Make the call, until it is over: from `call.started` to `call.ended` in the ledger."""

    async def send(self, step: Send) -> Response:
        """Post what a script makes the platform send, as it is."""


class Platform(Protocol):
    """A platform that is open. `tokens` says whether its requests carry tokens that the bot verifies."""

    @property
    def tokens(self) -> bool:
        """Whether faults of tokens can be had."""

    @property
    def max_call_s(self) -> float:
        """How long a call may last."""

    def new_call(self, setup: CallSetup, line: Line, ringing: Ringing) -> PlatformCall:
        """A call, which has not begun."""
