"""One call of the simulated ACS: its commands, its media operations, its events.

1. A command changes the call at once, or is refused with the sub-code that the platform has for it; what comes of it
   is told by an event, which echoes its operationContext.
2. play and recognize run one after the other; with interruptCallMediaOperation the one that runs is cancelled, and
   those that wait are forgotten.
3. A call that is answered is connected: CallConnected and ParticipantsUpdated, in an order that is drawn.
4. When somebody hangs up, what runs or waits is cancelled (PlayCanceled, RecognizeCanceled), then CallDisconnected.
5. A transfer that is accepted ends this call.
6. A call for a Teams resource account refuses hold, mute and Teams users (405/8520).
7. A recording holds what the caller's side of the line carried while it was active. It stops with its call.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any, Final, Literal

from dialtone.protocol import RecordingFormat
from simulator import audio
from simulator.clock import Bell
from simulator.line import CallOver, Key, Line, Party, Signal
from simulator.platforms.acs_media import TONES, AcsMedia
from simulator.platforms.acs_post import Poster
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.acs_wire import (
    Json,
    Refused,
    call_event,
    grid_event,
    identified,
    member,
    raw_id,
    result,
    timestamp,
)
from simulator.platforms.skype_actions import Recording as SavedRecording

State = Literal["ringing", "connecting", "connected", "transferring", "disconnected", "rejected"]
_TEAMS_CUTS: Final = frozenset({"hold", "unhold", "mute"})
_INPUTS: Final = frozenset({"dtmf", "choices", "speech", "speechOrDtmf"})


@dataclass
class Recording:
    """A recording: where it is on the line's time, and what becomes of it."""

    id: str
    call: "AcsCall"
    format: str
    state: str = "active"
    spans: list[tuple[float, float]] = field(default_factory=list)
    since: float | None = None
    files: dict[str, bytes] = field(default_factory=dict)

    def pause(self, now: float) -> None:
        """Stop taking sound."""
        if self.since is not None:
            self.spans.append((self.since, now))
        self.since, self.state = None, "inactive"

    def resume(self, now: float) -> None:
        """Take sound."""
        self.since, self.state = now, "active"


class AcsCall:
    """A call on `line`, from `caller` to `to` (rawIds), or the other way round when the bot placed it.

    `at` is what the line's time 0 is in Unix seconds; `ids` gives ids.
    """

    def __init__(
        self,
        line: Line,
        media: AcsMedia,
        poster: Poster,
        settings: AcsSettings,
        *,
        caller: str,
        to: str,
        at: float,
        random: Random,
        ids: Callable[[], str],
    ) -> None:
        self.id, self.server_call_id, self.correlation_id = ids(), ids(), ids()
        self.caller, self.to, self.state = caller, to, "ringing"
        self.line, self.settings = line, settings
        self.callback = ""
        self.grid_url = ""
        self.properties: Json = {}
        self.recordings: list[Recording] = []
        self.saved: list[SavedRecording] = []
        self.commands = 0
        self.faults: list[str] = []
        self.transfer_fails = False
        self.participants: dict[str, Json] = {}
        self._media, self._poster, self._random, self._ids, self._at = media, poster, random, ids, at
        self._outbox: deque[tuple[str, Json]] = deque()
        self._queue: deque[tuple[str, Json]] = deque()
        self._running: tuple[str, Json] | None = None
        self._operation: asyncio.Task[None] | None = None
        self._news = _Flag(line)
        self._roster = self._tones = 0
        self._transfer: tuple[str, Json] | None = None

    # What the platform is told to do with it.

    def answered(self, data: Json, *, speaks: bool) -> Json:
        """It is answered, or placed: the reply's body. The events follow."""
        self.callback = member(data, "callbackUri", str)
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
        if isinstance(streaming, dict):
            state = "active" if streaming.get("startMediaStreaming") else "inactive"
            self.properties["mediaStreamingSubscription"] = {
                "id": self._ids(),
                "state": state,
                "subscribedContentTypes": ["audio"],
            }
        if isinstance(transcription, dict):
            state = "active" if transcription.get("startTranscription") else "inactive"
            self.properties["transcriptionSubscription"] = {
                "id": self._ids(),
                "state": state,
                "locale": transcription.get("locale"),
            }
        return self.described()

    def connect(self, context: str | None) -> None:
        """Rule 3."""
        self.state = "connected"
        self.participants = {raw: {"isMuted": False, "isOnHold": False} for raw in (self.caller, self.to)}
        order: list[Callable[[], None]] = [lambda: self.tell("CallConnected", context), self._tell_roster]
        self._random.shuffle(order)
        for each in order:
            each()
        if self.properties.get("mediaStreamingSubscription", {}).get("state") == "active":
            self._tell_stream("MediaStreamingStarted", context)

    def described(self) -> Json:
        """CallConnectionProperties."""
        return {**self.properties, "callConnectionState": self.state}

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
        if self.settings.teams_account and name in _TEAMS_CUTS:
            raise Refused(405, 8520, "The operation is not supported in Teams Phone Extensibility.")
        handler: Callable[[Json], Json | None] = getattr(self, f"_do_{name}")
        return handler(data)

    def _do_terminate(self, _: Json) -> None:
        self.state = "disconnected"
        self.line.hang_up("bot")

    _do_hangUp = _do_terminate

    def _do_play(self, data: Json) -> None:
        _check_sources(member(data, "playSources", list))
        self._queue_media("play", data)

    def _do_recognize(self, data: Json) -> None:
        if member(data, "recognizeInputType", str) not in _INPUTS:
            raise Refused(400, 8523, "recognizeInputType is none of " + ", ".join(sorted(_INPUTS)))
        raw_id(member(data, "recognizeOptions.targetParticipant", dict))
        options = data["recognizeOptions"]
        most = (options.get("dtmfOptions") or {}).get("maxTonesToCollect")
        if data["recognizeInputType"] == "dtmf" and not (isinstance(most, int) and most >= 1):
            raise Refused(400, 8523, "maxTonesToCollect is 1 or more")
        silence = options.get("initialSilenceTimeoutInSeconds")
        longest = 300 if data["recognizeInputType"] == "dtmf" else 20
        if silence is not None and not 0 <= silence <= longest:
            raise Refused(400, 8523, f"initialSilenceTimeoutInSeconds is 0 to {longest}")
        if data["recognizeInputType"] == "choices" and not options.get("choices"):
            raise Refused(400, 8523, "there are no choices")
        _check_sources(data.get("playPrompts") or ([data["playPrompt"]] if data.get("playPrompt") else []), least=0)
        self._queue_media("recognize", data)

    def _queue_media(self, name: str, data: Json) -> None:
        """Rule 2."""
        if data.get("interruptCallMediaOperation"):
            self._cancel_media()
        self._queue.append((name, data))
        self._news.set()

    def _do_cancelAllMediaOperations(self, _: Json) -> None:
        self._cancel_media()

    def _do_transferToParticipant(self, data: Json) -> Json:
        target = raw_id(member(data, "targetParticipant", dict))
        if self.settings.teams_account and target.startswith("8:orgid:"):
            raise Refused(405, 8520, "Teams users are not supported in Teams Phone Extensibility.")
        self._transfer = (target, data)
        self.state = "transferring"
        self._news.set()
        return _context(data)

    def _do_add(self, data: Json) -> Json:
        raw = raw_id(member(data, "participantToAdd", dict))
        if self.settings.teams_account and raw.startswith("8:orgid:"):
            raise Refused(405, 8520, "Teams users are not supported in Teams Phone Extensibility.")
        invitation, fate = self._ids(), self.settings.answers.get(raw)
        if fate is None:
            self.participants[raw] = {"isMuted": False, "isOnHold": False}
            self.tell("AddParticipantSucceeded", data.get("operationContext"), participant=identified(raw))
            self._tell_roster()
        else:
            failed = {"participant": identified(raw), **result(*FATES[fate])}
            self.tell("AddParticipantFailed", data.get("operationContext"), **failed)
        return {"participant": {"identifier": identified(raw)}, "invitationId": invitation, **_context(data)}

    def _do_remove(self, data: Json) -> Json:
        raw = self._member(data, "participantToRemove")
        del self.participants[raw]
        self.tell("RemoveParticipantSucceeded", data.get("operationContext"), participant=identified(raw))
        self._tell_roster()
        return _context(data)

    def _do_mute(self, data: Json) -> Json:
        targets = member(data, "targetParticipants", list)
        if len(targets) != 1:
            raise Refused(400, 8523, "one participant is muted at a time")
        self.participants[self._known(raw_id(targets[0]))]["isMuted"] = True
        self._tell_roster()
        return _context(data)

    def _do_cancelAddParticipant(self, data: Json) -> Json:
        invitation = member(data, "invitationId", str)
        self.tell("CancelAddParticipantSucceeded", data.get("operationContext"), invitationId=invitation)
        return {"invitationId": invitation, **_context(data)}

    def _do_moveHere(self, data: Json) -> Json:
        moved = [raw_id(each) for each in member(data, "targetParticipants", list)]
        for raw in moved:
            self.participants[raw] = {"isMuted": False, "isOnHold": False}
            self.tell("MoveParticipantSucceeded", data.get("operationContext"), participant=identified(raw))
        self._tell_roster()
        return {"participants": self.roster(), "fromCall": member(data, "fromCall", str), **_context(data)}

    def _do_startContinuousDtmfRecognition(self, data: Json) -> Json:
        raw_id(member(data, "targetParticipant", dict))
        context = data.get("operationContext")

        def heard(signal: Signal) -> None:
            if isinstance(signal, Key):
                self._tones += 1
                tone = TONES[signal.key]
                self.tell("ContinuousDtmfRecognitionToneReceived", context, sequenceId=self._tones, tone=tone)

        self.line.taps[:] = [heard]
        return {}

    def _do_stopContinuousDtmfRecognition(self, data: Json) -> Json:
        raw_id(member(data, "targetParticipant", dict))
        self.line.taps.clear()
        self.tell("ContinuousDtmfRecognitionStopped", data.get("operationContext"), **result(200, 0))
        return {}

    def _do_sendDtmfTones(self, data: Json) -> Json:
        tones = member(data, "tones", list)
        raw_id(member(data, "targetParticipant", dict))
        if not 1 <= len(tones) <= 18 or not set(tones) <= set(TONES.values()):
            raise Refused(400, 8523, "1 to 18 tones can be sent")
        self.tell("SendDtmfTonesCompleted", data.get("operationContext"), **result(200, 0))
        return _context(data)

    def _do_hold(self, data: Json) -> Json:
        self.participants[self._member(data, "targetParticipant")]["isOnHold"] = True
        self._tell_roster()
        return {}

    def _do_unhold(self, data: Json) -> Json:
        self.participants[self._member(data, "targetParticipant")]["isOnHold"] = False
        self._tell_roster()
        return {}

    def _do_startMediaStreaming(self, data: Json) -> None:
        self._subscription("mediaStreamingSubscription")["state"] = "active"
        self._tell_stream("MediaStreamingStarted", data.get("operationContext"))

    def _do_stopMediaStreaming(self, data: Json) -> None:
        self._subscription("mediaStreamingSubscription")["state"] = "inactive"
        self._tell_stream("MediaStreamingStopped", data.get("operationContext"))

    def _do_startTranscription(self, data: Json) -> None:
        self._transcribe("active", "TranscriptionStarted", data)

    def _do_stopTranscription(self, data: Json) -> None:
        self._transcribe("inactive", "TranscriptionStopped", data)

    def _do_updateTranscription(self, data: Json) -> None:
        self._subscription("transcriptionSubscription")["locale"] = member(data, "locale", str)
        self._transcribe("active", "TranscriptionUpdated", data)

    def _transcribe(self, state: str, event: str, data: Json) -> None:
        self._subscription("transcriptionSubscription")["state"] = state
        status = {
            "transcriptionStatus": event[0].lower() + event[1:],
            "transcriptionStatusDetails": "subscriptionStarted",
        }
        self.tell(event, data.get("operationContext"), transcriptionUpdate=status)

    def _subscription(self, name: str) -> Json:
        subscription = self.properties.get(name)
        if subscription is None:
            raise Refused(405, 8522, f"{name} was not set up when the call was answered")
        found: Json = subscription
        return found

    def _member(self, data: Json, name: str) -> str:
        return self._known(raw_id(member(data, name, dict)))

    def _known(self, raw: str) -> str:
        if raw not in self.participants:
            raise Refused(404, 8522, "Participant not found.")
        return raw

    # Recordings.

    def record(self, kind: str, *, paused: bool) -> Recording:
        """Begin to record; raises `Refused` when it is being recorded already."""
        if any(each.state != "stopped" for each in self.recordings):
            raise Refused(400, 8559, "Recording is already in progress.")
        recording = Recording(self._ids(), self, kind)
        (recording.pause if paused else recording.resume)(self.line.clock.now())
        self.recordings.append(recording)
        return recording

    async def _deliver_recordings(self) -> None:
        """Make files of the recordings that have stopped, and tell Event Grid."""
        for recording in [each for each in self.recordings if each.state == "stopped" and not each.files]:
            sound = b"".join(self.line.caller_sound(start, end) for start, end in recording.spans)
            async with self.line.clock.io():
                data = await asyncio.to_thread(audio.encode, sound, recording.format)
            document = self._ids()
            recording.files[document] = data
            seconds = round(audio.seconds_of(sound), 3)
            self.saved.append(SavedRecording(recording.id, RecordingFormat(recording.format), seconds, data))
            self.line.ledger.add(
                "platform",
                "recorded",
                operation_id=recording.id,
                seconds=seconds,
                format=recording.format,
                bytes=len(data),
            )
            await self._deliver(recording, document, seconds)

    async def _deliver(self, recording: Recording, document: str, seconds: float) -> None:
        base = f"https://sim.asm.skype.com/v1/objects/{document}"
        chunk = {
            "documentId": document,
            "index": 0,
            "endReason": "SessionEnded",
            "contentLocation": f"{base}/content/video",
            "metadataLocation": f"{base}/content/acsmetadata",
            "deleteLocation": base,
        }
        data = {
            "recordingStorageInfo": {"recordingChunks": [chunk]},
            "recordingStartTime": timestamp(self._at + recording.spans[0][0]),
            "recordingDurationMs": round(seconds * 1000),
            "sessionEndReason": "CallEnded",
        }
        subject = f"/recording/call/{self.id}/serverCallId/{self.server_call_id}/recordingId/{recording.id}"
        if self.grid_url:
            event = grid_event(
                self._ids(), "RecordingFileStatusUpdated", subject, self._now(), data, cloud=self.settings.cloud_events
            )
            await self._poster.grid(self.grid_url, event)

    # Its life.

    async def run(self) -> None:
        """Live, from when it was answered to its end. A participant of the line's clock."""
        over = self.line.clock.start(self.watch())
        try:
            while self.line.over_by is None:
                await self.post_all()
                if self.line.over_by is not None:
                    break
                if self._transfer is not None:
                    await self._hand_over(*self._transfer)
                elif self._running is None and self._queue:
                    self._running = self._queue.popleft()
                    self._operation = self.line.clock.start(self._operate(*self._running))
                elif not self._outbox:
                    await self._deliver_recordings()
                    await self._news.wait()
            self._end()
            await self.post_all()
            await self._deliver_recordings()
        finally:
            over.cancel()
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
        self._outbox.append((self.callback, call_event(self._ids(), kind, self._now(), whole)))
        self._news.set()

    def _tell_roster(self) -> None:
        self._roster += 1
        self.tell("ParticipantsUpdated", None, sequenceNumber=self._roster, participants=self.roster())

    def _tell_stream(self, kind: str, context: str | None) -> None:
        started = kind.endswith("Started")
        update = {
            "contentType": "Audio",
            "mediaStreamingStatus": kind[0].lower() + kind[1:],
            "mediaStreamingStatusDetails": "subscriptionStarted" if started else "subscriptionStopped",
        }
        self.tell(kind, context, mediaStreamingUpdate=update, **result(200, 0))

    async def watch(self) -> None:
        """Notice the end of the line."""
        await self.line.ended()
        self._news.set()

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
        self._transfer = None
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

    def _cancel_media(self) -> None:
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
        self._cancel_media()
        self.state = "disconnected"
        for recording in self.recordings:
            if recording.state != "stopped":
                recording.pause(self.line.clock.now())
                recording.state = "stopped"
        by: Party = self.line.over_by or "platform"
        codes = {"bot": (200, 7000), "caller": (200, 560000), "platform": (410, 301005)}[by]
        self.tell("CallDisconnected", None, **result(*codes))

    def notice(self) -> None:
        """Have it look what is new."""
        self._news.set()

    async def noticed(self, until: float) -> None:
        """Wait until there is something new, `until` that time."""
        await self._news.wait(until)

    async def post_all(self) -> None:
        """Post what there is, as often and in the order that the settings want."""
        while self._outbox:
            url, event = self._outbox.popleft()
            if self._outbox and self._random.random() < self.settings.reorder:
                later = self._outbox.popleft()
                self._outbox.appendleft((url, event))
                url, event = later
            events = [event]
            while self.settings.batch and self._outbox and self._outbox[0][0] == url:
                events.append(self._outbox.popleft()[1])
            times = 2 if self._random.random() < self.settings.duplicate else 1
            if self.settings.unknown_events:
                await self._poster.callback(url, [{**event, "id": self._ids(), "type": f"{event['type']}Preview"}])
            for _ in range(times):
                if not await self._poster.callback(url, events):
                    self.faults.append(f"the bot did not take {event['type']}")

    def _now(self) -> float:
        return self._at + self.line.clock.now()


class _Flag:
    """Something that is new: remembered until it was waited for, on the line's clock."""

    def __init__(self, line: Line) -> None:
        self._line, self._bell, self._up = line, Bell(), False

    def set(self) -> None:
        """Say that there is something."""
        self._up = True
        self._bell.ring()

    async def wait(self, until: float = inf) -> None:
        """Wait until there is something, `until` that time, and forget it."""
        if not self._up:
            await self._line.clock.wait(self._bell, until)
        self._up = False


FATES: Final = {"busy": (486, 8539), "declined": (603, 8538), "absent": (408, 8544)}
"""What becomes of who is called: code and sub-code."""


def _context(data: Json) -> Json:
    context = data.get("operationContext")
    return {} if context is None else {"operationContext": context}


def _check_sources(sources: list[Any], least: int = 1) -> None:
    if len(sources) < least:
        raise Refused(400, 8523, "there is nothing to play")
    for source in sources:
        kind = source.get("kind") if isinstance(source, dict) else None
        needed = {"file": "file.uri", "text": "text.text", "ssml": "ssml.ssmlText"}.get(str(kind))
        if needed is None:
            raise Refused(400, 8523, "a source is a file, a text or SSML")
        member(source, needed, str)
