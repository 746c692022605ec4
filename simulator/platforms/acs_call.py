"""One call of the simulated ACS: its commands, its media operations, its events.

1. A command changes the call at once, or is refused with the sub-code that the platform has for it; what comes of it
   is told by an event, which echoes its operationContext.
2. play and recognize run one after the other; with interruptCallMediaOperation the one that runs is cancelled, and
   those that wait are forgotten.
3. A call that is answered is connected: CallConnected and ParticipantsUpdated, in an order that is drawn. Events are
   posted in the order in which they happen, and none waits for the one before to arrive.
4. When somebody hangs up, what runs or waits is cancelled (PlayCanceled, RecognizeCanceled), then CallDisconnected.
5. A transfer that is accepted ends this call.
6. A call for a Teams resource account refuses hold, mute and Teams users (405/8520).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random
from typing import Any, Literal

from simulator.delivery import Delivery
from simulator.issuer import Issuer
from simulator.line import CallOver, Line, Party
from simulator.media.options import MediaFaults
from simulator.notation import Notation
from simulator.platforms.acs_captions import AcsCaptions
from simulator.platforms.acs_commands import COMMANDS, FATES, TEAMS_CUTS
from simulator.platforms.acs_media import AcsMedia
from simulator.platforms.acs_post import GridSecret, Poster
from simulator.platforms.acs_recordings import Recorder, Recording
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.acs_streams import AcsStream
from simulator.platforms.acs_wire import call_event, identified, raw_id, result, timestamp
from simulator.platforms.postbox import News, Postbox
from simulator.platforms.rest import Json, Refused, member

State = Literal["ringing", "connecting", "connected", "transferring", "disconnected", "rejected"]


class AcsCall:
    """A call on `line`, from `caller` to `to` (rawIds), or the other way round when the bot placed it.

    `at` is what the line's time 0 is in Unix seconds; `ids` gives ids.
    """

    def __init__(
        self,
        line: Line,
        delivery: Delivery,
        media: AcsMedia,
        settings: AcsSettings,
        *,
        caller: str,
        to: str,
        at: float,
        random: Random,
        ids: Callable[[], str],
        grid: GridSecret | None,
        issuer: Issuer,
        notation: Notation,
        is_incoming: bool = True,
        media_faults: MediaFaults | None = None,
    ) -> None:
        self.id, self.server_call_id, self.correlation_id = ids(), ids(), ids()
        self.caller, self.to, self.state, self.is_incoming = caller, to, "ringing", is_incoming
        self.line, self.settings, self.delivery = line, settings, delivery
        self.callback = ""
        self.properties: Json = {}
        self.recorder = Recorder(line, ids, at)
        self.commands = 0
        self.transfer_fails = False
        self.participants: dict[str, Json] = {}
        self._media, self._random, self.new_id, self._at = media, random, ids, at
        self.notation = notation
        self.stream = AcsStream(line, self.id, self.tell, issuer.token, media_faults, opens=settings.open_streams)
        self.captions = AcsCaptions(
            line, self.id, self.tell, issuer.token, media_faults, opens=settings.open_streams, ids=ids
        )
        self.poster = Poster(delivery, issuer, settings, grid, chain=self.correlation_id, ids=ids)
        unknown = self._unknown if settings.unknown_events else None
        self.postbox = Postbox(line, delivery, settings, random, self.poster.to_bot, unknown)
        self._queue: deque[tuple[str, Json]] = deque()
        self._running: tuple[str, Json] | None = None
        self._operation: asyncio.Task[None] | None = None
        self.news = News(line)
        self._roster = self.tones = 0
        self.transfer: tuple[str, Json] | None = None

    # What the platform is told to do with it.

    def answered(self, data: Json, *, speaks: bool) -> Json:
        """It is answered, or placed: the reply's body. The events follow."""
        self.callback = member(data, "callbackUri", str)
        if not self.callback.startswith(("https://", "http://")):
            raise Refused(400, 8523, "callbackUri is not an absolute address")
        self.notation.call(self.callback, "callback")
        self._media.speaks = speaks
        self.state = "connecting"
        streaming, transcription = data.get("mediaStreamingOptions"), data.get("transcriptionOptions")
        self.properties = {
            "callConnectionId": self.id,
            "serverCallId": self.server_call_id,
            "correlationId": self.correlation_id,
            "targets": [identified(self.to)],
            "source": identified(self.caller),
            "callbackUri": self.callback,
            "answeredBy": {"communicationUser": {"id": "8:acs:simulator_bot"}},
        }
        if streaming is not None:
            subscription = {"id": self.new_id(), **self.stream.set_up(streaming)}
            self.properties["mediaStreamingSubscription"] = subscription
        if transcription is not None:
            self.properties["transcriptionSubscription"] = {"id": self.new_id(), **self.captions.set_up(transcription)}
        return self.described()

    def connect(self, context: str | None) -> None:
        """Rule 3."""
        self.state = "connected"
        self.line.answer()
        self.participants = {raw: {"isMuted": False, "isOnHold": False} for raw in (self.caller, self.to)}
        if self.settings.bot:
            self.participants[self.settings.bot] = self.participants.pop(self.to if self.is_incoming else self.caller)
        order: list[Callable[[], None]] = [lambda: self.tell("CallConnected", context), self.tell_roster]
        self._random.shuffle(order)
        for each in order:
            each()
        if self.properties.get("mediaStreamingSubscription", {}).get("state") == "active":
            self.stream.start(self.others, context)
        if self.properties.get("transcriptionSubscription", {}).get("state") == "active":
            self.write_down(context)

    def life(self, *, bot_url: str, seed: int, script: str) -> AbstractContextManager[None]:
        """Note that it starts, and how it ended."""
        return self.line.life(
            lambda: {"commands": self.commands, "recordings": len(self.recorder.saved)},
            call_id=self.correlation_id,
            chain_id=self.id,
            seed=seed,
            bot=self.notation.address(bot_url),
            caller=self.caller,
            to=self.to,
            script=script,
        )

    def write_down(self, context: str | None, locale: str = "") -> None:
        """Have what is said written down."""
        self.captions.start(self.others[0], context, speaks=self._media.speaks, locale=locale)

    async def fail(self, fate: str, context: str | None) -> None:
        """It was placed, and nobody took it: a key of FATES says why. Told in an order that is drawn."""
        kinds = [("CreateCallFailed", context), ("CallDisconnected", None)]
        self._random.shuffle(kinds)
        for kind, each in kinds:
            self.tell(kind, each, **result(*FATES[fate]))
        self.state = "disconnected"
        await self.postbox.settle()

    def described(self) -> Json:
        """CallConnectionProperties."""
        return {**self.properties, "callConnectionState": self.state}

    @property
    def others(self) -> tuple[str, ...]:
        """Those in the call who are not the bot, who called or was called first."""
        bot = {self.to if self.is_incoming else self.caller, self.settings.bot}
        return tuple(raw for raw in self.participants if raw not in bot)

    def roster(self) -> list[Json]:
        """Its participants."""
        return [{"identifier": identified(raw), **each} for raw, each in self.participants.items()]

    def command(self, name: str, data: Json) -> Json | None:
        """Rule 1: do a command; the body of its reply."""
        self.commands += 1
        if self.state == "disconnected":
            raise Refused(404, 8522, "Call not found.")
        if self.state != "connected" and name not in ("terminate", "hangUp"):
            raise Refused(400, 8501, "Action is invalid when the call is not in the established state.")
        if self.settings.teams_account and name in TEAMS_CUTS:
            raise Refused(405, 8520, "The operation is not supported in Teams Phone Extensibility.")
        return COMMANDS[name](self, data)

    def queue_media(self, name: str, data: Json) -> None:
        """Rule 2."""
        if data.get("interruptCallMediaOperation"):
            self.cancel_media()
        self._queue.append((name, data))
        self.news.set()

    def subscription(self, name: str) -> Json:
        """The subscription of this name; raises `Refused` when it was not set up."""
        subscription = self.properties.get(name)
        if subscription is None:
            raise Refused(405, 8522, f"{name} was not set up when the call was answered")
        found: Json = subscription
        return found

    def member_of(self, data: Json, name: str) -> str:
        """The participant that a member of a command names; raises `Refused` for a stranger."""
        return self.known(raw_id(member(data, name, dict)))

    def known(self, raw: str) -> str:
        """A participant; raises `Refused` for a stranger."""
        if raw not in self.participants:
            raise Refused(404, 8522, "Participant not found.")
        return raw

    # Its life.

    async def run(self) -> None:
        """Live, from when it was answered to its end. A participant of the line's clock."""
        over = self.line.clock.start(self.watch())
        try:
            while self.line.over_by is None:
                self.postbox.post_all()
                if self.transfer is not None:
                    await self._hand_over(*self.transfer)
                elif self._running is None and self._queue:
                    self._running = self._queue.popleft()
                    self._operation = self.line.clock.start(self._operate(*self._running))
                else:
                    await self._tell_recordings()
                    await self.news.wait()
            self._end()
            await self.captions.end()
            await self.stream.end()
            self.delivery.problems.extend(self.stream.problems)
            await self._tell_recordings()
            await self.postbox.settle()
        finally:
            over.cancel()
            self.captions.cancel()
            self.stream.cancel()
            self.postbox.cancel()
            if self._operation is not None:
                self._operation.cancel()

    def tell(self, kind: str, context: str | None, **data: Any) -> None:
        """Have an event posted."""
        whole = {
            "callConnectionId": self.id,
            "serverCallId": self.server_call_id,
            "correlationId": self.correlation_id,
            **({"operationContext": context} if context is not None else {}),
            **data,
        }
        self.postbox.put(self.callback, call_event(self.new_id(), kind, self._now(), whole))
        self.news.set()

    def tell_roster(self) -> None:
        """Have it posted who is in the call."""
        self._roster += 1
        self.tell("ParticipantsUpdated", None, sequenceNumber=self._roster, participants=self.roster())

    def tell_recording(self, recording: Recording, callback: str | None) -> None:
        """Have it posted whether a recording runs, to the address that was given when it began."""
        recording.callback = callback or ""
        if recording.callback:
            about = {
                "callConnectionId": self.id,
                "serverCallId": self.server_call_id,
                "correlationId": self.correlation_id,
                "recordingId": recording.id,
                "state": "inactive" if recording.state == "stopped" else recording.state,
                "startDateTime": timestamp(self._at + recording.began),
                "recordingKind": "azureCommunicationServices",
            }
            event = call_event(self.new_id(), "RecordingStateChanged", self._now(), about)
            self.postbox.put(recording.callback, event)
        self.news.set()

    def tell_grid(self, event: Json) -> None:
        """Have Event Grid deliver an event, where somebody subscribes."""
        self.postbox.start(self.poster.to_grid(event))

    def note(self, name: str, data: Json, status: int) -> None:
        """Note a command of the bot."""
        told = self.notation.message(data)
        self.line.ledger.add("bot", "command", operation=name, status=status, **({"json": told} if told else {}))

    async def watch(self) -> None:
        """Notice the end of the line."""
        await self.line.ended()
        self.news.set()

    async def _operate(self, name: str, data: Json) -> None:
        """Run a media operation."""
        context = data.get("operationContext")
        try:
            if name == "play":
                self.tell("PlayStarted", context, **result(200, 0))
                kind, heard = await self._media.play(data["playSources"])
            else:
                kind, heard = await self._media.recognize(data)
        except CallOver:
            return
        self._running = None
        self.tell(kind, context, **heard)

    async def _hand_over(self, target: str, data: Json) -> None:
        """Rule 5."""
        self.transfer = None
        try:
            await self.line.quiet(self.settings.transfer_s)
        except CallOver:
            return
        fate, context = self.settings.answers.get(target), data.get("operationContext")
        if self.transfer_fails:
            fate = "declined"
        self.line.ledger.add("platform", "transferred", target=target, ok=fate is None)
        parties = {"transferTarget": identified(target), "transferee": identified(self.caller)}
        if fate is not None:
            self.state = "connected"
            self.tell("CallTransferFailed", context, **parties, **result(*FATES[fate]))
            return
        self.tell("CallTransferAccepted", context, **parties, **result(200, 0))
        self.line.hang_up("bot")

    def cancel_media(self) -> None:
        """Cancel what runs and what waits."""
        if self._operation is not None and self._running is not None:
            self._operation.cancel()
            self._queue.appendleft(self._running)
        for name, data in self._queue:
            kind = "PlayCanceled" if name == "play" else "RecognizeCanceled"
            self.tell(kind, data.get("operationContext"), **result(400, 8508))
        self._queue.clear()
        self._running = None

    def _end(self) -> None:
        """Rules 4 and 7."""
        self.cancel_media()
        self.state = "disconnected"
        self.recorder.stop()
        by: Party = self.line.over_by or "platform"
        codes = {"bot": (200, 7000), "caller": (200, 560000), "platform": (410, 301005)}[by]
        self.tell("CallDisconnected", None, **result(*codes))

    def _unknown(self, event: Json) -> Json:
        """An event of a type that nobody knows."""
        return {**event, "id": self.new_id(), "type": f"{event['type']}Preview"}

    async def _tell_recordings(self) -> None:
        cloud = self.settings.cloud_events
        for event in await self.recorder.files(self.id, self.server_call_id, cloud=cloud):
            self.tell_grid(event)

    def _now(self) -> float:
        return self._at + self.line.clock.now()
