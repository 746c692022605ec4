"""What a platform is to the rest of the simulator.

A platform is opened once (`simulator.opening`), with all that does not change from call to call: its settings, its
tokens, the REST API that it serves where it takes commands. Each call is then made by `new_call`, on a line of its own.
Whoever adds a platform writes these two and an entry in `simulator.opening.PLATFORMS`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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


class LiveCall(Protocol):
    """One call. The `problems` of its delivery say why the bot ended or broke the call."""

    @property
    def delivery(self) -> Delivery:
        """What delivers its messages."""

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded."""

    async def run(self) -> None:
        """Make the call, until it is over: from `call.started` to `call.ended` in the ledger."""


class PlatformCall(LiveCall, Protocol):
    """A call that rings a bot."""

    async def send(self, step: Send) -> Response:
        """Post what a script makes the platform send, as it is."""


class Platform(Protocol):
    """A platform that is open. `tokens` says whether its requests carry tokens that the bot verifies."""

    @property
    def tokens(self) -> bool:
        """Whether faults of tokens can be had."""

    @property
    def requests_to_ring(self) -> int:
        """How many of a call's requests it takes to ring the bot: one that misses any of them knows of no call."""

    @property
    def max_call_s(self) -> float:
        """How long a call may last."""

    def new_call(self, setup: CallSetup, line: Line, ringing: Ringing) -> PlatformCall:
        """A call, which has not begun."""


class PlacedCall(LiveCall, Protocol):
    """A call that a bot places, and that rings somebody. It rings until `ring_until`, on its line's clock."""

    @property
    def caller(self) -> str:
        """Who calls."""

    @property
    def line(self) -> Line:
        """Its line. Who is called declines by hanging up."""

    @property
    def ring_until(self) -> float:
        """When it stops to ring."""

    def pick_up(self) -> None:
        """Answer it."""


class Phone(Protocol):
    """A person's phone, which bots call."""

    @property
    def free(self) -> bool:
        """Whether a call can ring it, or wait until the call that it is in is over: whether none does already."""

    def new_line(self, max_seconds: float) -> Line:
        """A line to it, in real time, whose call's events it shows."""

    def ring(self, call: PlacedCall) -> None:
        """Ring for a call on such a line, and run it."""


@runtime_checkable
class PlacesCalls(Protocol):
    """A platform on which bots place calls: they ring one of the phones that are open."""

    @property
    def phones(self) -> list[Phone]:
        """Those that are open, the latest last; whoever opens one adds it, and takes it away."""
