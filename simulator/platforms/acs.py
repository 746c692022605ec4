"""The ACS platform: a resource of Azure Communication Services with Call Automation, on this machine.

1. It answers the REST API as `acs_wire` says, at any prefix, to HMAC signatures and to tokens of Entra; Microsoft's
   SDK talks to it as it is: `CallAutomationClient("http://127.0.0.1:<port>/acs", AzureKeyCredential(key))`.
2. A call that is placed is taken by whoever `callees` has for its target, else it rings one of the open `phones`
   (busy when other calls ring all of them), else it is taken by nobody in particular; a call that fails is told by
   CreateCallFailed and CallDisconnected, in an order that is drawn.
3. A command that is repeated with its Repeatability-Request-ID is answered as before. `:play` and `:recognize` have
   none, so one whose reply was lost is done twice.

Calls that ring are in `acs_rings`, recordings in `acs_recordings`, users and Teams accounts in `acs_identities`.
"""

import secrets
import time
from collections.abc import Callable
from random import Random
from typing import Final

from simulator.callers import ScriptedCaller
from simulator.clock import Clock
from simulator.delivery import Delivery
from simulator.faults import Plan
from simulator.house import House
from simulator.issuer import Issuer, new_key
from simulator.ledger import Ledger
from simulator.line import Line
from simulator.media.options import MediaFaults
from simulator.notation import Notation
from simulator.platform import Phone
from simulator.platforms.acs_call import AcsCall
from simulator.platforms.acs_identities import Identities
from simulator.platforms.acs_media import AcsMedia
from simulator.platforms.acs_outgoing import AcsOutgoing
from simulator.platforms.acs_post import GridSecret
from simulator.platforms.acs_recordings import Recorder, Recording
from simulator.platforms.acs_rings import REJECTS, Rings
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.acs_wire import OPERATIONS, ROUTES, check_signature, raw_id
from simulator.platforms.rest import KEPT, Json, Refused, Reply, Request, RestService, member, new_id, read
from simulator.wire import Wire

KEPT_FILES: Final = 256
"""How many files of recordings are kept when their calls are forgotten, the latest; each for its time."""
METADATA: Final = "/calling/.well-known/acsopenidconfiguration"
_NO_RETRY: Final = frozenset({"getCall", "hangUp", "listParticipants", "getParticipant", "play", "recognize"})


class AcsResource(RestService[AcsCall]):
    """The resource. `wire` posts to bots, `clock` makes that of a call that a bot places, `now` gives Unix seconds.

    `events_url` is where Event Grid delivers what is about calls that bots place; empty when nobody subscribes.
    """

    def __init__(
        self,
        wire: Wire,
        clock: Callable[[], Clock],
        settings: AcsSettings | None = None,
        *,
        events_url: str = "",
        issuer: Issuer | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or AcsSettings()
        super().__init__(ROUTES, self.settings.faults, self.settings.reply_delay_s)
        self.events_url = events_url
        self.issuer = issuer or new_issuer(self.settings, now)
        self.phones: list[Phone] = []
        self.rings = Rings(self.settings, now)
        self._wire, self._clock, self._now = wire, clock, now
        self._random = Random("acs")  # noqa: S311
        self._replies: dict[str, Reply] = {}
        self._files: dict[str, tuple[Recorder, Recording]] = {}
        self._identities = Identities(self.settings.resource_id, self.issuer, lambda: new_id(self._random))

    # The calls.

    def new_call(
        self,
        line: Line,
        *,
        caller: str,
        to: str,
        bot_url: str = "",
        random: Random | None = None,
        plan: Plan | None = None,
        house: House | None = None,
        is_incoming: bool = True,
        media_faults: MediaFaults | None = None,
    ) -> AcsCall:
        """A call on a line, which nobody has answered. `bot_url` is where Event Grid posts to, all ids are `random`."""
        random, bot_url = random or self._random, bot_url or self.events_url
        notation = Notation(bot_url, names=line.clock.virtual)
        call = AcsCall(
            line,
            Delivery(line, self._wire, notation, plan=plan or Plan(), house=house, in_order=False),
            AcsMedia(line, self.settings, self._wire),
            self.settings,
            caller=caller,
            to=to,
            at=self._now() - line.clock.now(),
            random=random,
            ids=lambda: new_id(random),
            grid=GridSecret(bot_url) if bot_url else None,
            issuer=self.issuer,
            notation=notation,
            is_incoming=is_incoming,
            media_faults=media_faults,
        )
        self.calls[call.id] = call
        return call

    def forget(self, call: AcsCall) -> None:
        """Know nothing more of a call that is over, but what was recorded."""
        super().forget(call)
        for recording in call.recorder.recordings:
            self._files |= dict.fromkeys(recording.files, (call.recorder, recording))
        while len(self._files) > KEPT_FILES:
            del self._files[next(iter(self._files))]

    # The REST API.

    def _other(self, request: Request, base: str) -> Reply | None:
        if request.method != "GET":
            return None
        if request.path == "/calling/keys":
            return Reply.of(200, self.issuer.keys)
        if request.path == METADATA:
            return Reply.of(200, self.issuer.metadata(f"{base}/calling"))
        return None

    def _authorize(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if given.startswith("Bearer "):
            if self.settings.strict and given.removeprefix("Bearer ") not in self.settings.bearer_tokens:
                raise Refused(401, "Denied", "the token is not one that this resource knows")
            return
        check_signature(request, self.settings.access_key, now=self._now(), strict=self.settings.strict)

    def _answer(self, name: str, ids: tuple[str, ...], request: Request) -> Reply:
        """Rule 3."""
        repeat = request.headers.get("repeatability-request-id", "") if name not in _NO_RETRY else ""
        if repeat and repeat in self._replies:
            return self._replies[repeat]
        reply = self._done(name, ids, request)
        if repeat:
            self._replies[repeat] = reply
            if len(self._replies) > KEPT:
                del self._replies[next(iter(self._replies))]
        return reply

    def _done(self, name: str, ids: tuple[str, ...], request: Request) -> Reply:
        status = OPERATIONS[name][2]
        if name == "download":
            recording = self._recording_of(ids[0])[1]
            if ids[1] == "acsmetadata":
                return Reply.of(200, {"resourceId": self.settings.resource_id, "chunkDocumentId": ids[0]})
            return recording.download(ids[0], request.headers.get("range", ""))
        if name == "deleteRecording":
            recorder, recording = self._recording_of(ids[0])
            recorder.delete(recording, ids[0])
            return Reply(status)
        data = read(request.body)
        if name in _IDENTITIES:
            return Reply.of(status, _IDENTITIES[name](self._identities, ids, data))
        if name in _OWN:
            return Reply.of(status, _OWN[name](self, ids, data))
        call = self._known(ids[0])
        try:
            reply = Reply.of(status, call.command(name, data))
        except Refused as refused:
            call.note(name, data, refused.reply.status)
            raise
        call.note(name, data, status)
        return reply

    def _create(self, _: tuple[str, ...], data: Json) -> Json:
        """Rule 2."""
        targets = member(data, "targets", list)
        if len(targets) != 1:
            raise Refused(400, 8523, "a call is placed to one target here")
        target = raw_id(targets[0])
        source = f"4:{self.settings.number}"
        if isinstance(app := data.get("teamsAppSource"), dict):
            source = f"28:orgid:{member(app, 'appId', str)}"
        elif target.startswith("4:") and raw_id({"phoneNumber": data.get("sourceCallerIdNumber")}) != source:
            raise Refused(400, 8523, f"sourceCallerIdNumber is not {self.settings.number}")
        context, speaks = data.get("operationContext"), bool(data.get("callIntelligenceOptions"))
        rings = self.phones and target not in self.settings.answers and target not in self.callees
        phone = next((each for each in reversed(self.phones) if each.free), None) if rings else None
        if phone is not None:
            seed = secrets.randbits(32)
            random = Random(f"acs {seed} phone")  # noqa: S311
            line = phone.new_line(self.settings.max_call_duration_s)
            call = self.new_call(line, caller=source, to=target, random=random, is_incoming=False)
            reply = call.answered(data, speaks=speaks)
            phone.ring(AcsOutgoing(call, context=context, bot_url=self.events_url, seed=seed))
            return reply
        call = self.new_call(self._new_line(), caller=source, to=target, is_incoming=False)
        reply = call.answered(data, speaks=speaks)
        fate = "busy" if rings else self.settings.answers.get(target)
        self._start(call.line.clock, self._placed(call, target, context, fate))
        return reply

    def _connect(self, _: tuple[str, ...], data: Json) -> Json:
        kind = member(data, "callLocator.kind", str)
        if kind not in ("roomCallLocator", "groupCallLocator", "serverCallLocator"):
            raise Refused(400, 8523, "the kind of callLocator is not known")
        call = self.new_call(
            self._new_line(), caller="8:acs:simulator_bot", to=f"group:{new_id(self._random)}", is_incoming=False
        )
        reply = call.answered(data, speaks=bool(data.get("callIntelligenceOptions")))
        self._start(call.line.clock, self._placed(call, "", data.get("operationContext"), None))
        return reply

    def _new_line(self) -> Line:
        clock = self._clock()
        return Line(clock, Ledger(clock), self.settings.max_call_duration_s)

    async def _placed(self, call: AcsCall, target: str, context: str | None, fate: str | None) -> None:
        if fate is not None:
            await call.fail(fate, context)
            return
        call.connect(context)
        script = self.callees.get(target)
        if script is None:
            await call.run()
            return
        caller = call.line.clock.start(ScriptedCaller(script).run(call.line))
        try:
            await call.run()
        finally:
            caller.cancel()

    def _answer_call(self, _: tuple[str, ...], data: Json) -> Json:
        member(data, "callbackUri", str)
        call = self.rings.take(data, "answered").call
        reply = call.answered(data, speaks=bool(data.get("callIntelligenceOptions")))
        call.connect(data.get("operationContext"))
        return {**reply, "callConnectionState": "connecting"}

    def _reject_call(self, _: tuple[str, ...], data: Json) -> None:
        if data.get("callRejectReason", "none") not in REJECTS:
            raise Refused(400, 8523, "callRejectReason is none, busy or forbidden")
        self.rings.take(data, "rejected")

    def _redirect_call(self, _: tuple[str, ...], data: Json) -> None:
        target = raw_id(member(data, "target", dict))
        self.rings.take(data, "redirected").redirected_to = target

    def _get_call(self, ids: tuple[str, ...], _: Json) -> Json:
        return self._call(ids[0]).described()

    def _list_participants(self, ids: tuple[str, ...], _: Json) -> Json:
        return {"value": self._call(ids[0]).roster()}

    def _get_participant(self, ids: tuple[str, ...], _: Json) -> Json:
        found = [each for each in self._call(ids[0]).roster() if each["identifier"]["rawId"] == ids[1]]
        if not found:
            raise Refused(404, 8522, "Participant not found.")
        return found[0]

    def _known(self, call_id: str) -> AcsCall:
        call = self.calls.get(call_id)
        if call is None:
            raise Refused(404, 8522, "Call not found.")
        return call

    def _call(self, call_id: str) -> AcsCall:
        call = self._known(call_id)
        if call.state == "disconnected":
            raise Refused(404, 8522, "Call not found.")
        return call

    # Recordings.

    def _start_recording(self, _: tuple[str, ...], data: Json) -> Json:
        connection = data.get("callConnectionId")
        server = connection or member(data, "callLocator.serverCallId", str)
        found = (each for each in self.calls.values() if server in (each.id, each.server_call_id))
        call = next(found, None)
        if call is None or call.state != "connected":
            raise Refused(404, 8522, "Call not found.")
        recording = call.recorder.start(data)
        call.tell_recording(recording, data.get("recordingStateCallbackUri"))
        return {"recordingId": recording.id, "recordingState": recording.state}

    def _recording(self, recording_id: str) -> tuple[AcsCall, Recording]:
        for call in self.calls.values():
            if (recording := call.recorder.running(recording_id)) is not None:
                return call, recording
        raise Refused(404, 8522, "Recording not found.")

    def _get_recording(self, ids: tuple[str, ...], _: Json) -> Json:
        recording = self._recording(ids[0])[1]
        kind = "azureCommunicationServices"
        return {"recordingId": recording.id, "recordingState": recording.state, "recordingKind": kind}

    def _stop_recording(self, ids: tuple[str, ...], _: Json) -> None:
        call, recording = self._recording(ids[0])
        recording.stop(call.line.clock.now())
        call.tell_recording(recording, recording.callback)

    def _pause_recording(self, ids: tuple[str, ...], _: Json) -> None:
        call, recording = self._recording(ids[0])
        recording.pause(call.line.clock.now())

    def _resume_recording(self, ids: tuple[str, ...], _: Json) -> None:
        call, recording = self._recording(ids[0])
        recording.resume(call.line.clock.now())

    def _recording_of(self, document: str) -> tuple[Recorder, Recording]:
        under_way = ((call.recorder, call.recorder.holding(document)) for call in self.calls.values())
        for recorder, recording in (*under_way, self._files.get(document, (None, None))):
            if recorder is None or recording is None or document not in recording.files:
                continue
            if self._now() - recording.made_at < self.settings.recordings_kept_s:
                return recorder, recording
        raise Refused(404, "NotFound", "there is no such recording")


_OWN: Final[dict[str, Callable[[AcsResource, tuple[str, ...], Json], Json | None]]] = {
    "create": AcsResource._create,
    "answer": AcsResource._answer_call,
    "connect": AcsResource._connect,
    "redirect": AcsResource._redirect_call,
    "reject": AcsResource._reject_call,
    "getCall": AcsResource._get_call,
    "listParticipants": AcsResource._list_participants,
    "getParticipant": AcsResource._get_participant,
    "startRecording": AcsResource._start_recording,
    "getRecording": AcsResource._get_recording,
    "stopRecording": AcsResource._stop_recording,
    "pauseRecording": AcsResource._pause_recording,
    "resumeRecording": AcsResource._resume_recording,
}
"""Operations that are not about a call under way."""

_IDENTITIES: Final[dict[str, Callable[[Identities, tuple[str, ...], Json], Json | None]]] = {
    "createIdentity": Identities.create,
    "issueAccessToken": Identities.issue_token,
    "revokeAccessTokens": Identities.revoke,
    "deleteIdentity": Identities.delete,
    "linkTeams": Identities.link,
    "getTeamsLink": Identities.get_link,
    "unlinkTeams": Identities.unlink,
}


def new_issuer(settings: AcsSettings, now: Callable[[], float] = time.time) -> Issuer:
    """An issuer of the tokens of callbacks, with a key of its own."""
    life_s = int(settings.token_life_s)
    return Issuer(new_key(), settings.resource_id, now, name=settings.issuer, life_s=life_s)
