"""How a message of the platform reaches the bot: attempts, tokens, and all that goes wrong on the way.

1. A 5xx, a time-out or a lost connection is tried again as the same message, until the tries are used up; each kind of
   message has its own (`Retries`).
2. On a platform with an order the messages of one call are delivered one after the other. On one without, a message
   that is late holds up no other, and only one attempt is under way at a time.
3. Whatever reaches the bot as one message must get one reply: a copy or a later attempt that is answered otherwise is a
   violation, for the platform cannot know which of the two the bot means. A 5xx is no reply.
4. What goes wrong is the plan's (`simulator.faults`), counted by the number of the request. Time that it takes is the
   call's time; what the bot itself takes is real time.
5. Once a callback never comes, neither does anything after it. When the call is over on this side the bot gets the time
   to see that it is lost, and then the callback after all: a bot that has ended the call has nothing to do. The first
   request of a call is no callback: a bot that never had it knows of no call.
6. What is a fault's has the fault's name in the ledger: a reply with one was given by the bot and did not arrive.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from simulator.clock import Bell
from simulator.faults import BadToken, Plan
from simulator.house import House
from simulator.issuer import Issuer
from simulator.line import Line
from simulator.notation import Notation
from simulator.wire import Failure, Response, Wire

_REFUSALS: Final = (401, 403)


@dataclass(frozen=True)
class Retries:
    """How often a message is tried, in seconds: the waits before each further attempt, how long the bot may take (in
    real time), and how long the platform waits for an attempt, or a reply, that was lost.

    `refused` says whether a 4xx is tried again like a 5xx.
    """

    waits_s: tuple[float, ...]
    timeout_s: float
    lost_s: float
    refused: bool = False

    def again(self, answer: Response) -> bool:
        """Whether an answer leads to another attempt."""
        return answer.again or (self.refused and not answer.accepted)


class Proof(Protocol):
    """By what a message proves whose it is. Both give an address and headers with it."""

    def right(self, url: str, headers: Mapping[str, str], skew: float) -> tuple[str, Mapping[str, str]]:
        """A proof that the bot must accept, made by a clock that is `skew` seconds ahead."""

    def wrong(self, url: str, headers: Mapping[str, str], kind: BadToken) -> tuple[str, Mapping[str, str]]:
        """A proof that the bot must refuse, or none."""


@dataclass(frozen=True)
class Bearer:
    """A token of an issuer."""

    issuer: Issuer

    def right(self, url: str, headers: Mapping[str, str], skew: float) -> tuple[str, Mapping[str, str]]:
        """A good token."""
        return url, {**headers, "Authorization": f"Bearer {self.issuer.token(skew)}"}

    def wrong(self, url: str, headers: Mapping[str, str], kind: BadToken) -> tuple[str, Mapping[str, str]]:
        """A bad token, or none."""
        token = self.issuer.bad_token(kind)
        return url, headers if token is None else {**headers, "Authorization": f"Bearer {token}"}


@dataclass
class Message:
    """A message on its way to `url`. `noted` is what the ledger has of it, `size` the bytes of its sound.

    `counter` is the header that says how many attempts were made before; empty for none.
    """

    url: str
    id: str
    chain: str
    headers: Mapping[str, str]
    content: bytes
    noted: Any
    retries: Retries
    proof: Proof | None = None
    size: int = 0
    counter: str = ""
    number: int = -1
    attempts: int = 0
    replies: list[tuple[int, bytes]] = field(default_factory=list)
    """Status and body of each reply that the bot gave, but for 5xx."""


class Delivery:
    """Delivers the messages of one call; `in_order` is for rule 2.

    `problems` says in sentences why a message was not answered; `requests` is how many messages there were; `waits`
    has, for each that was answered, how long the caller waited: in the call's time, and what the bot took in real time.
    """

    def __init__(
        self,
        line: Line,
        wire: Wire,
        notation: Notation,
        *,
        plan: Plan,
        house: House | None,
        in_order: bool = True,
    ) -> None:
        self.problems: list[str] = []
        self.requests = 0
        self.waits: list[tuple[float, float]] = []
        self._line = line
        self._clock = line.clock
        self._wire = wire
        self._notation = notation
        self._plan = plan
        self._house = house
        self._in_order = in_order
        self._late: list[tuple[int, Message]] = []
        self._missing: Message | None = None
        self._busy = False
        self._free = Bell()

    async def post(self, message: Message) -> bytes | None:
        """Deliver a message: the body of the bot's reply, or None when it cannot be reached or refuses."""
        message.number = self.requests
        self.requests += 1
        async with self._alone() if self._in_order else nullcontext():
            if self._never_comes(message):
                return None
            began = self._clock.now()
            await self._before(message)
            answer, attempt = await self._until_answered(message)
            # The machine's time has the bot's in it; virtual time stands still meanwhile.
            took = self._clock.now() - began - (0.0 if self._clock.virtual else answer.seconds)
            self.waits.append((max(0.0, took), answer.seconds))
            await self._after(message)
        if answer.accepted:
            return answer.body
        answered = f"answered with status {answer.status}" if answer.status is not None else "did not answer"
        self.problems.append(f"the bot {answered} (attempt {attempt})")
        return None

    async def once(self, message: Message) -> Response:
        """Deliver a message that is not the platform's own doing: one attempt, no fault, no number."""
        async with self._alone():
            self._note_request(message, 1)
            answer = await self._send(message)
            self._note_reply(answer)
        return answer

    async def finish(self) -> None:
        """The call is over: what is still under way arrives."""
        await self._arrive(late_until=None)
        if self._missing is not None:
            await self._sweep(self._missing)

    # Faults around a message.

    async def _before(self, message: Message) -> None:
        number = message.number
        if self._at(number, "lost_caller"):
            self._line.hang_up("caller")
        if (seconds := self._at(number, "delay")) is not None:
            await self._clock.sleep(seconds)
        if self._at(number, "kill") == "before":
            await self._kill()
        self._at(number, "skew")
        if (kind := self._at(number, "bad_token")) is not None:
            await self._try_token(message, kind)

    def _never_comes(self, message: Message) -> bool:
        """Rule 5."""
        if self._missing is None and self._at(message.number, "no_callback"):
            self._missing = message
            self._note_request(message, 1, "no_callback")
        return self._missing is not None

    async def _sweep(self, missing: Message) -> None:
        """Rule 5."""
        assert self._house is not None
        async with self._clock.io():
            await self._house.sweep()
        if not missing.number:
            return
        self._note_request(missing, 2)
        answer = await self._send(missing)
        self._note_reply(answer)
        if not answer.accepted or answer.body.strip():
            self._violation(
                "NOT_SWEPT",
                "",
                f"a callback that came long after the call was lost got {_shown((answer.status or 0, answer.body))}",
                "end a call whose callback does not come, and answer what comes after with nothing",
            )

    async def _after(self, message: Message) -> None:
        if (later := self._at(message.number, "reorder")) is not None:
            self._late.append((message.number + later, message))
        await self._arrive(late_until=message.number)

    def _at(self, number: int, verb: str) -> Any:
        value = self._plan.at(number, verb)
        if value is not None:
            self._line.ledger.add("platform", "fault", fault=verb, value=value, request=number)
        return value

    async def _kill(self) -> None:
        assert self._house is not None
        async with self._exchange(), self._clock.io():
            await self._house.kill()

    async def _storage(self, *, up: bool) -> None:
        assert self._house is not None
        async with self._clock.io():
            await self._house.storage(up=up)

    async def _try_token(self, message: Message, kind: BadToken) -> None:
        async with self._exchange():
            self._note_request(message, 1, "bad_token")
            answer = await self._send(message, wrong=kind)
            self._note_reply(answer, "bad_token")
        if answer.status not in _REFUSALS:
            self._violation(
                "TOKEN_TAKEN",
                "Authorization",
                f"a request with a wrong token ({kind}) was answered with {answer.status or answer.failure}",
                "answer 401 or 403, and change nothing",
            )

    async def _arrive(self, late_until: int | None) -> None:
        """Let copies that are late arrive: those due after the request with that number was answered, or all."""
        late, self._late = self._late, []
        for number, message in late:
            if late_until is not None and number > late_until:
                self._late.append((number, message))
                continue
            async with self._exchange():
                self._note_request(message, 1, "reorder")
                answer = await self._send(message)
                self._note_reply(answer, "reorder")
            self._compare(message, answer)

    # Attempts.

    async def _until_answered(self, message: Message) -> tuple[Response, int]:
        number = message.number
        faults = {verb: self._at(number, verb) for verb in ("drop", "drop_reply", "storage", "slow", "duplicate")}
        faults["kill"] = self._plan.at(number, "kill") == "after"
        for attempt, wait in enumerate((0.0, *message.retries.waits_s), 1):
            if attempt > 1:
                await self._clock.sleep(wait)
            message.attempts = attempt
            answer = await self._attempt(message, attempt, faults)
            if not message.retries.again(answer):
                break
        return answer, attempt

    async def _attempt(self, message: Message, attempt: int, faults: Mapping[str, Any]) -> Response:
        if attempt <= (faults["drop"] or 0):
            self._note_request(message, attempt, "drop")
            return await self._nothing(message, "drop")
        arrived = attempt - (faults["drop"] or 0)
        failing = arrived <= (faults["storage"] or 0)
        async with self._exchange():
            if failing:
                await self._storage(up=False)
            try:
                copies = faults["duplicate"] or 0 if arrived == 1 else 0
                self._note_request(message, attempt)
                for _ in range(copies):
                    self._note_request(message, attempt, "duplicate")
                answer, *others = await self._send_all(message, 1 + copies)
            finally:
                if failing:
                    await self._storage(up=True)
        self._compare(message, answer)
        answer = await self._reply_of(message, answer, arrived, faults)
        for other in others:
            self._note_reply(other, "duplicate")
            self._compare(message, other)
        return answer

    async def _reply_of(self, message: Message, answer: Response, arrived: int, faults: Mapping[str, Any]) -> Response:
        """What arrives of the bot's reply."""
        if faults["kill"] and arrived == 1:
            self._note_reply(answer, "kill")
            await self._kill()
            return Response(None, b"", answer.seconds, "lost")
        if arrived <= (faults["drop_reply"] or 0):
            self._note_reply(answer, "drop_reply")
            return await self._nothing(message)
        if faults["slow"] is not None and arrived == 1:
            if faults["slow"] >= message.retries.timeout_s:
                self._note_reply(answer, "slow")
                return await self._nothing(message)
            await self._clock.sleep(faults["slow"])
        self._note_reply(answer)
        return answer

    async def _nothing(self, message: Message, fault: str | None = None) -> Response:
        """Wait for a reply that does not come."""
        await self._clock.sleep(message.retries.lost_s)
        why: Failure = "timeout" if message.retries.lost_s >= message.retries.timeout_s else "lost"
        answer = Response(None, b"", 0.0, why)
        if fault is not None:
            self._note_reply(answer, fault)
        return answer

    async def _send_all(self, message: Message, count: int) -> list[Response]:
        if count == 1:
            return [await self._send(message)]
        url, headers = self._proven(message)
        async with self._clock.io():
            post, limit_s = self._wire.post, message.retries.timeout_s
            return await asyncio.gather(*(post(url, headers, message.content, limit_s) for _ in range(count)))

    async def _send(self, message: Message, *, wrong: BadToken | None = None) -> Response:
        url, headers = self._proven(message, wrong)
        async with self._clock.io():
            return await self._wire.post(url, headers, message.content, message.retries.timeout_s)

    def _proven(self, message: Message, wrong: BadToken | None = None) -> tuple[str, Mapping[str, str]]:
        headers = message.headers
        if message.counter:
            headers = {**headers, message.counter: str(max(0, message.attempts - 1))}
        if message.proof is None:
            return message.url, headers
        if wrong is not None:
            return message.proof.wrong(message.url, headers, wrong)
        skew = self._plan.at(message.number, "skew") or 0.0
        return message.proof.right(message.url, headers, skew)

    def _compare(self, message: Message, answer: Response) -> None:
        if message.retries.again(answer):
            return
        assert answer.status is not None
        message.replies.append((answer.status, answer.body))
        if message.replies[-1] == message.replies[0]:
            return
        self._violation(
            "REPLY_DIFFERS",
            "",
            f"one message got two replies: {_shown(message.replies[0])}, and then {_shown(message.replies[-1])}",
            "keep the reply to each Message-ID, and give it again to a copy",
        )

    # The ledger.

    def _note_request(self, message: Message, attempt: int, fault: str | None = None) -> None:
        self._line.ledger.add(
            "platform",
            "http.request",
            attempt=attempt,
            message_id=message.id,
            chain_id=message.chain,
            url=self._notation.address(message.url),
            json=self._notation.message(message.noted),
            bytes=message.size,
            **({} if fault is None else {"fault": fault}),
        )

    def _note_reply(self, answer: Response, fault: str | None = None) -> None:
        members: dict[str, Any] = {} if fault is None else {"fault": fault}
        if answer.failure is not None:
            members["error"] = answer.failure
        if answer.body.strip():
            try:
                members["json"] = self._notation.message(json.loads(answer.body))
            except (ValueError, RecursionError):
                members["text"] = answer.body.decode(errors="replace")
        if not self._clock.virtual:
            members["ms"] = round(answer.seconds * 1000, 1)
        self._line.ledger.add("bot", "http.reply", status=answer.status, **members)

    def _violation(self, code: str, member: str, message: str, fix: str) -> None:
        self._line.ledger.add("bot", "violation", code=code, field=member, message=message, fix=fix)

    # Rule 2.

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        while self._busy:
            await self._clock.wait(self._free)
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            self._free.ring()

    def _exchange(self) -> AbstractAsyncContextManager[None]:
        """Around one attempt: whoever delivers in order is alone already."""
        return nullcontext() if self._in_order else self._alone()


def _shown(reply: tuple[int, bytes]) -> str:
    status, body = reply
    try:
        document = json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        return f"{status} with {len(body)} bytes that are not JSON"
    if not isinstance(document, dict):
        return f"{status} with nothing"
    actions = document.get("actions")
    names = [each.get("action") if isinstance(each, dict) else None for each in actions or []]
    return f"{status} with {', '.join(map(str, names)) or 'no action'}"
