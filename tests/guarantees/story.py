"""A call in a storm, and what is true of it afterwards.

The platform sends each callback until it is answered, and everything goes wrong on the way: copies come at once, late
and out of order, replies are lost, storage fails, processes die, another callback claims the same turn, somebody
forges one, the call is said to have ended while a callback is under way, the sweeper takes a call that is only slow,
midnight passes, another version of the bot is deployed. Then the weather clears, and (`Story.check`):

  1  nothing was answered with anything but a reply or a 503
  2  the journal is a chain: no turn is missing or was made twice, and each continues the reply of the one before
  3  all replies for a turn are the same, byte for byte: to copies, to late ones, to a callback that lost the turn
  4  each outcome had its effect once: the calls of the same callbacks, one by one on a fair day, leave the same journal
  5  the world was asked for each thing at least once; never by a callback whose turn was stored already; once when
     nothing fails and nothing runs at the same time
  6  a recording that was acknowledged is there, whole; each was written once; there are no others
  7  a call that was acknowledged is in the list of its day once, with the end that its journal tells, and not open
  8  what was forged was refused
  9  users' data is what the fair day leaves of it
  10 a signal that was acknowledged is there, once; a dialog takes each once
"""

import asyncio
import io
import json
import wave
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from dialtone.dialogs.requests import Answer
from dialtone.errors import AppStateRejected, StorageUnavailable
from dialtone.storage import CallRecord, SignalRow, TurnRow
from dialtone.storage.keys import day_of
from functions.journal import LOST
from functions.skype_turn import Reply
from tests.dialogs.line import LEFT
from tests.dialogs.test_any_dialog import ANSWERS, FAILURES, FITTING, Program
from tests.functions.rig import JSON, SETTINGS, conversation, result, with_audio
from tests.guarantees.storm import CALL, House, Killed, ran_here

CHANGE = "callStateChange"
TURNS = 7
TRIES = 6
WAITS = [0.0, 0.0, 0.5, 3.0, 60.0, SETTINGS.sweep_after, 86_400.0]
RISKS = [0.0, 0.1, 0.3, 0.5]
Guardless = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Callback:
    """A request of the platform. `sequence` is the turn that it asks for, `after` the reply that it follows."""

    message_id: str
    sequence: int
    body: bytes
    content_type: str = JSON
    after: bytes = b""
    sound: bytes = b""

    @property
    def app_state(self) -> str:
        """The appState that it echoes."""
        return str(json.loads(self.after)["appState"]) if self.after else ""


@dataclass
class Story:
    """One call. `versions` are the bot's dialogs, each the successor of the one before; `seed` decides all else.

    `guardless` takes a guard away while the storm lasts; what the journal is compared with always has it.
    """

    versions: list[list[Program]]
    seed: int
    guardless: Guardless = nullcontext
    sent: dict[str, Callback] = field(default_factory=dict)
    answers: list[tuple[Callback, Reply]] = field(default_factory=list)
    notified: dict[str, bytes] = field(default_factory=dict)
    signals: list[tuple[int, SignalRow]] = field(default_factory=list)
    """Those that were acknowledged, and how many turns there were by then."""

    async def tell(self) -> None:
        """The storm."""
        self._random = Random(self.seed)
        self._risk = self._random.choice(RISKS)
        self.house = House(self.versions, self._random)
        with self.guardless():
            callback: Callback | None = Callback("m0", 0, conversation(CALL))
            while callback is not None and callback.sequence < TURNS:
                self.house.now += self._random.choice(WAITS)
                if callback.sequence and self._random.random() < 0.3:
                    await self._signal(self._random.choice(["paid", "paid", "other"]))
                reply = await self._deliver(callback)
                callback = self._next(reply.body, callback.sequence + 1) if reply else None
                if self._random.random() < 0.15:
                    self.house.storm.version = min(self.house.storm.version + 1, len(self.versions) - 1)
            self.house.storm.risk = 0
            await self._storm([self._post(sent) for sent in self.sent.values() if self._random.random() < 0.25])
            for _ in range(3):
                self.house.now += 2 * SETTINGS.sweep_after
                await asyncio.gather(self.house.sweep(), self.house.sweep())

    async def _deliver(self, callback: Callback) -> Reply | None:
        """Send a callback until it is answered; None when the platform gave up."""
        for attempt in range(TRIES):
            self.house.storm.risk = 0 if attempt == TRIES - 1 else self._risk
            before = len(self.answers)
            await self._storm(self._requests(callback))
            replies = [reply for sent, reply in self.answers[before:] if sent == callback]
            if replies and self._random.random() < 0.85:
                return replies[0]
            if self._random.random() < 0.03:
                break
            self.house.now += self._random.choice(WAITS)
        return None

    def _requests(self, callback: Callback) -> list[Any]:
        """What comes at about the same time as a callback."""
        chance = self._random.random
        self.sent[callback.message_id] = callback
        requests = [self._post(callback) for _ in range(self._random.choice([1, 1, 2, 3]))]
        if chance() < 0.3:
            requests.append(self._post(self._random.choice(list(self.sent.values()))))
        if chance() < 0.2:
            rival = self._rival(callback)
            self.sent[rival.message_id] = rival
            requests.append(self._post(rival))
        if chance() < 0.2:
            requests += [self.house.sweep() for _ in range(self._random.choice([1, 2]))]
        if callback.after and chance() < 0.3:
            requests.append(self._forge(callback))
        if callback.after and chance() < 0.1:
            requests += [self._notify(chance() < 0.5) for _ in range(self._random.choice([1, 2]))]
        self._random.shuffle(requests)
        return requests

    async def _storm(self, requests: list[Any]) -> None:
        if self._risk:
            outcomes = await asyncio.gather(*requests, return_exceptions=True)
        else:
            outcomes = [(await asyncio.gather(request, return_exceptions=True))[0] for request in requests]
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _post(self, callback: Callback) -> None:
        stored = self.house.has_row(callback.sequence)
        ran: list[Any] = []
        ran_here.set(ran)
        try:
            reply = await self._send(callback)
            self.answers.append((callback, reply))
        except (StorageUnavailable, Killed):
            pass
        except Exception as error:
            raise AssertionError("1: a callback of the platform is answered, or refused with 503") from error
        assert not (stored and ran), "5: nothing is run for a turn that is stored"

    async def _signal(self, name: str) -> None:
        """Somebody sends a signal until it is acknowledged, now and then twice; no callback is under way."""
        number = len(self.signals)
        row = SignalRow(CALL, f"s{number}", name, json.dumps([number]), self.house.now)
        for attempt in range(TRIES):
            self.house.storm.risk = 0 if attempt == TRIES - 1 else self._risk
            copies = [self._told(replace(row, at=row.at + attempt)) for _ in range(self._random.choice([1, 1, 2]))]
            if any(await asyncio.gather(*copies)) and self._random.random() < 0.85:
                break
        self.house.now += TRIES
        kept = next(kept for kept in await self._all_signals() if kept.id == row.id)
        self.signals.append((len(self.house.storm.inserted), kept))

    async def _told(self, row: SignalRow) -> bool:
        try:
            await self.house.storage.calls.signal(row)
        except (StorageUnavailable, Killed):
            return False
        return True

    async def _all_signals(self) -> list[SignalRow]:
        risk, self.house.storm.risk = self.house.storm.risk, 0
        try:
            return await self.house.storage.calls.signals(CALL)
        finally:
            self.house.storm.risk = risk

    async def _notify(self, over: bool) -> None:
        state = "terminated" if over else "established"
        body = {"id": CALL, "type": "callStateChange", "currentState": state}
        notification = Callback(f"notification-{state}", -1, json.dumps(body).encode())
        self.notified[notification.message_id] = notification.body
        try:
            reply = await self._send(notification)
        except (StorageUnavailable, Killed):
            return
        except Exception as error:
            raise AssertionError("1: a notification of the platform is answered, or refused with 503") from error
        assert reply == Reply(b"", 202), "1: a notification is answered with nothing"

    async def _send(self, callback: Callback) -> Reply:
        return await _send(self.house, callback.message_id, callback.body, callback.content_type)

    async def _forge(self, callback: Callback) -> None:
        """A callback with an appState that this bot did not write for this call."""
        state, decoded = callback.app_state, self.house.codec.decode(CALL, callback.app_state)
        head, _, rest = state.partition(".")
        forged = self._random.choice(
            [
                f"{head[0]}{decoded.sequence + 1}.{rest}",
                f"{head}.{rest.partition('.')[0]}.{'A' * 22}",
                f"s{decoded.sequence}..{rest.partition('.')[2]}",
                self.house.codec.encode("call-8", decoded.sequence, decoded.history or ""),
            ]
        )
        body = callback.body.replace(state.encode(), forged.encode())
        try:
            await self._send(Callback("forged", callback.sequence, body, callback.content_type))
        except AppStateRejected:
            return
        except BaseException as error:
            raise AssertionError("8: what is forged is refused") from error
        raise AssertionError("8: what is forged is refused")

    def _next(self, reply: bytes, sequence: int) -> Callback | None:
        """What the platform may send after a reply: mostly something that fits."""
        if not reply:
            return None
        asked = json.loads(reply)["actions"][-1]["action"]
        kind = self._random.choice(["fitting"] * 12 + ["any", "failure", "left"])
        outcomes = {"any": ANSWERS, "failure": FAILURES, "left": [LEFT]}.get(kind) or FITTING.get(asked, ANSWERS)
        outcome = self._random.choice(outcomes)
        state = "terminated" if kind == "left" else self._random.choice(["established"] * 9 + ["terminated"])
        body = result(Reply(reply), outcome, call=CALL, state=state)
        message_id = f"m{sequence}-{self._random.randrange(10**6)}"
        if outcome["type"] == "recordOutcome" and outcome["outcome"] == "success":
            sound = _sound(sequence)
            multipart, content_type = with_audio(body, sound)
            return Callback(message_id, sequence, multipart, content_type, reply, sound)
        return Callback(message_id, sequence, body, after=reply)

    def _rival(self, callback: Callback) -> Callback:
        """Another callback for the same turn. It brings no sound: an action has one recording."""
        message_id = f"{callback.message_id}-rival-{len(self.sent)}"
        if not callback.after:
            return Callback(message_id, 0, conversation(CALL, subject=message_id))
        while (rival := self._next(callback.after, callback.sequence)) is None or rival.sound:
            pass
        return Callback(message_id, rival.sequence, rival.body, after=rival.after)

    async def check(self) -> None:
        """The rules above."""
        rows = await self.house.rows()
        self._check_chain(rows)
        await self._check_recordings()
        await self._check_signals(rows)
        fair = await self._fair_day(rows)
        assert await fair.rows() == rows, "4: each outcome has its effect once"
        here, there = Counter(self.house.ran), Counter(fair.ran)
        assert here >= there, "5: what the journal says was run was run"
        assert self._risk or here == there, "5: where nothing fails, what is run is run once"
        assert await self.house.data() == await fair.data(), "9: users' data is what the journal tells"
        paths, told = [{each.path for each in await house.storage.recordings.list()} for house in (self.house, fair)]
        assert told <= paths, "6: a recording is where the journal says"
        await self._check_lists(rows, fair)

    def _check_chain(self, rows: list[TurnRow]) -> None:
        inserted = [key[:2] for key in self.house.storm.inserted]
        assert len(inserted) == len(set(inserted)) == len(rows), "2: a turn is made once"
        for sequence, row in enumerate(rows):
            if row.event in (LOST, CHANGE):
                continue
            callback = self.sent[row.message_id]
            assert callback.sequence == sequence, "2: a callback makes the turn that it asks for"
            assert not callback.after or callback.after == rows[sequence - 1].reply, "2: it follows the turn before"
        for callback, reply in self.answers:
            kept = rows[callback.sequence]
            expected = Reply(kept.reply, kept.status, kept.content_type)
            assert reply == expected, "3: all replies for a turn are the same"

    async def _fair_day(self, rows: list[TurnRow]) -> House:
        """The same calls, one after the other, and nothing fails."""
        fair = House(self.versions, Random(0))
        for row, (_, _, version) in zip(rows, self.house.storm.inserted, strict=True):
            for turns, signal in self.signals:
                if turns == row.sequence:
                    await fair.storage.calls.signal(signal)
            fair.now, fair.storm.version = row.at, version
            if row.event == LOST:
                lost = await fair.process().lost(CallRecord(CALL, "skype", "8:nora", round(rows[0].at, 3)))
                assert lost, "4: only a call that is silent for long is lost"
                continue
            if row.event == CHANGE:
                await _send(fair, row.message_id, self.notified[row.message_id])
                continue
            callback = self.sent[row.message_id]
            await _send(fair, row.message_id, callback.body, callback.content_type)
        return fair

    async def _check_signals(self, rows: list[TurnRow]) -> None:
        kept = self.house.storm.signals
        assert len(kept) == len(set(kept)), "10: a signal is kept once"
        assert [row for _, row in self.signals] == await self._all_signals(), "10: an acknowledged signal is there"
        entries = [Answer.of(entry) for row in rows for entry in json.loads(row.entries).get("e", ())]
        ids = {row.id for _, row in self.signals}
        taken = [
            answer.value[0]
            for answer in entries
            if isinstance(answer.value, list) and answer.value and answer.value[0] in ids
        ]
        assert len(taken) == len(set(taken)), "10: a signal is taken once"

    async def _check_recordings(self) -> None:
        found = await self.house.storage.recordings.list()
        sounds = [await self.house.storage.recordings.read(recording.path) for recording in found]
        sent = {callback.sound for callback in self.sent.values() if callback.sound}
        acknowledged = {callback.sound for callback, _ in self.answers if callback.sound}
        assert acknowledged <= set(sounds), "6: no recording is lost"
        assert len(sounds) == len(set(sounds)), "6: no recording is doubled"
        assert set(sounds) <= sent, "6: no recording is changed"
        written = self.house.storm.recorded
        assert len(written) == len(set(written)), "6: a recording is written once"

    async def _check_lists(self, rows: list[TurnRow], fair: House) -> None:
        calls = self.house.storage.calls
        assert await calls.open_calls(started_before=self.house.now + 1) == [], "7: no call stays open"
        if not any(callback.sequence == 0 for callback, _ in self.answers):
            return
        assert rows[-1].done, "7: no call stays open"
        day = day_of(rows[0].at)
        told = await fair.storage.calls.calls_of_day(day)
        assert await calls.calls_of_day(day) == told != [], "7: its end is told"


async def _send(house: House, message_id: str, body: bytes, content_type: str = JSON) -> Reply:
    headers = {"content-type": content_type, "x-microsoft-skype-message-id": message_id}
    return await house.process().callback(headers, body)


def _sound(number: int) -> bytes:
    """A short WAV file that is like no other."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(number.to_bytes(2, "little") * 320)
    return file.getvalue()
