"""The ACS platform: a resource of Azure Communication Services with Call Automation, on this machine.

1. It answers the REST API as `acs_wire` says, at any prefix, to HMAC signatures and to tokens of Entra; Microsoft's
   SDK talks to it as it is: `CallAutomationClient("http://127.0.0.1:<port>/acs", AzureKeyCredential(key))`.
2. An incoming call is an event of Event Grid; its incomingCallContext answers, rejects or redirects it once, while it
   rings. A call that is redirected to an ACS user rings again, to that user, in the same subscription.
3. A call that is placed is taken by whoever `callees` has for its target, or by nobody in particular; a call that
   fails is told by CreateCallFailed and CallDisconnected, in an order that is drawn.
4. Recordings are at `https://sim.asm.skype.com`, as the SDK wants from 1.6.0 on; whoever fetches one asks the
   resource's own address for the same path.
5. A command that is repeated with its Repeatability-Request-ID is answered as before. `:play` and `:recognize` have
   none, so one whose reply was lost is done twice.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx

from simulator.callers import ScriptedCaller
from simulator.clock import Clock
from simulator.ledger import Ledger
from simulator.line import Line
from simulator.platforms.acs_call import AcsCall, Recording
from simulator.platforms.acs_commands import FATES
from simulator.platforms.acs_media import AcsMedia
from simulator.platforms.acs_post import Issuer, Poster
from simulator.platforms.acs_settings import AcsSettings, Fault
from simulator.platforms.acs_wire import (
    OPERATIONS,
    Json,
    Refused,
    Reply,
    Request,
    check_signature,
    grid_event,
    identified,
    member,
    raw_id,
    read,
    result,
    route,
)
from simulator.script import Script

_NO_RETRY: Final = frozenset({"getCall", "hangUp", "listParticipants", "getParticipant", "play", "recognize"})
_REJECTS: Final = frozenset({"none", "busy", "forbidden"})

Message = dict[str, Any]


@dataclass
class Ring:
    """A call that rings, and what became of it."""

    call: AcsCall
    clock: Clock
    taken: Callable[[], None]
    outcome: str = ""
    redirected_to: str = ""
    context: str | None = None


class AcsResource:
    """The resource. `http` posts to bots; `clock` is that of the calls that bots place; `now` gives Unix seconds."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        clock: Clock,
        settings: AcsSettings | None = None,
        *,
        seed: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or AcsSettings()
        self.issuer = Issuer(self.settings, now)
        self.calls: dict[str, AcsCall] = {}
        self.callees: dict[str, Script] = {}
        self.requests: list[tuple[str, Request, Reply]] = []
        """What was asked, by its operation, and what was answered; the newest last."""
        self._http, self._clock, self._now = http, clock, now
        self._random = Random(f"acs {seed}")  # noqa: S311
        self._rings: dict[str, Ring] = {}
        self._replies: dict[str, Reply] = {}
        self._identities: set[str] = set()
        self._links: dict[tuple[str, str], Json] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # The calls.

    def new_id(self) -> str:
        """An id that nothing else has."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def new_call(self, line: Line, *, caller: str, to: str) -> AcsCall:
        """A call on a line, which nobody has answered."""
        media = AcsMedia(line, self.settings, self._http)
        poster = Poster(line.clock, line.ledger, self._http, self.issuer, self.settings)
        at = self._now() - line.clock.now()
        call = AcsCall(
            line,
            media,
            poster,
            self.settings,
            caller=caller,
            to=to,
            at=at,
            random=self._random,
            ids=self.new_id,
        )
        self.calls[call.id] = call
        return call

    async def ring(self, call: AcsCall, events_url: str, *, name: str = "") -> str:
        """Rule 2: have Event Grid tell the bot of a call, and wait until it is answered; what became of it.

        `answered`, `rejected`, `redirected`, or empty when nobody took it in time. For a participant of its clock.
        """
        clock, to = call.line.clock, call.to
        poster = Poster(clock, call.line.ledger, self._http, self.issuer, self.settings)
        call.grid_url = events_url
        until = clock.now() + self.settings.ring_s
        watch = clock.start(call.watch())
        try:
            return await self._ring(call, to, poster, until, name)
        finally:
            watch.cancel()

    async def _ring(self, call: AcsCall, to: str, poster: Poster, until: float, name: str) -> str:
        clock = call.line.clock
        while True:
            context = self._incoming_context()
            ring = Ring(call, clock, call.notice)
            self._rings[context] = ring
            event = self._incoming_event(call, to, context, name)
            await poster.grid(call.grid_url, event)
            while not ring.outcome and clock.now() < until and call.line.over_by is None:
                await call.noticed(until)
            del self._rings[context]
            if ring.outcome == "redirected" and ring.redirected_to.startswith("8:acs:") and clock.now() < until:
                to = ring.redirected_to
                await clock.sleep(self.settings.redirect_s)
                continue
            return ring.outcome

    def _incoming_context(self) -> str:
        noise = self._random.randbytes(768)
        return f"ctx.{base64.urlsafe_b64encode(noise).decode()}"

    def _incoming_event(self, call: AcsCall, to: str, context: str, name: str) -> Json:
        data = {
            "to": identified(to),
            "from": identified(call.caller),
            "serverCallId": call.server_call_id,
            "callerDisplayName": name,
            "incomingCallContext": context,
            "correlationId": call.correlation_id,
        }
        subject = f"/caller/{call.caller}/recipient/{to}"
        return grid_event(self.new_id(), "IncomingCall", subject, self._now(), data, cloud=self.settings.cloud_events)

    async def close(self) -> None:
        """Break off the calls that bots placed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # The REST API.

    async def handle(self, request: Request, base: str = "") -> Reply:
        """Answer a request. `base` is the address that it came to, for the OpenID metadata."""
        name, reply = "", None
        try:
            if (public := self._public(request, base)) is not None:
                return public
            name, ids = route(request.method, request.path)
            self._authorize(request)
            reply = self._answer(name, ids, request)
        except Refused as refused:
            reply = refused.reply
        self.requests.append((name, request, reply))
        if self.settings.reply_delay_s:
            await asyncio.sleep(self.settings.reply_delay_s)
        return reply

    def _public(self, request: Request, base: str) -> Reply | None:
        if request.method != "GET":
            return None
        if request.path == "/calling/keys":
            return Reply.of(200, self.issuer.keys)
        if request.path == "/calling/.well-known/acsopenidconfiguration":
            return Reply.of(200, self.issuer.metadata(base))
        return None

    def _authorize(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if given.startswith("Bearer "):
            if self.settings.strict and given.removeprefix("Bearer ") not in self.settings.bearer_tokens:
                raise Refused(401, "Denied", "the token is not one that this resource knows")
            return
        check_signature(request, self.settings.access_key, now=self._now(), strict=self.settings.strict)

    def _answer(self, name: str, ids: tuple[str, ...], request: Request) -> Reply:
        """Rule 5, and the faults that were asked for."""
        repeat = request.headers.get("repeatability-request-id", "") if name not in _NO_RETRY else ""
        fault = next((each for each in self.settings.faults if each.operation == name and each.times > 0), None)
        if fault is not None:
            fault.times -= 1
            if not fault.applied:
                return _faulty(fault)
        if repeat and repeat in self._replies:
            reply = self._replies[repeat]
        else:
            reply = self._done(name, ids, request)
            if repeat:
                self._replies[repeat] = reply
        return _faulty(fault) if fault is not None else reply

    def _done(self, name: str, ids: tuple[str, ...], request: Request) -> Reply:
        status = OPERATIONS[name][2]
        if name == "download":
            return self._download(ids[0], ids[1], request.headers.get("range", ""))
        if name == "deleteRecording":
            self._recording_of(ids[0]).files.pop(ids[0])
            return Reply(status)
        data = read(request.body)
        if name in _OWN:
            return Reply.of(status, _OWN[name](self, ids, data))
        call = self.calls.get(ids[0])
        if call is None:
            raise Refused(404, 8522, "Call not found.")
        return Reply.of(status, call.command(name, data))

    def _create(self, _: tuple[str, ...], data: Json) -> Json:
        """Rule 3."""
        targets = member(data, "targets", list)
        if len(targets) != 1:
            raise Refused(400, 8523, "a call is placed to one target here")
        target = raw_id(targets[0])
        source = f"4:{self.settings.number}"
        if isinstance(app := data.get("teamsAppSource"), dict):
            source = f"28:orgid:{member(app, 'appId', str)}"
        elif target.startswith("4:") and raw_id({"phoneNumber": data.get("sourceCallerIdNumber")}) != source:
            raise Refused(400, 8523, f"sourceCallerIdNumber is not {self.settings.number}")
        line = Line(self._clock, Ledger(self._clock), self.settings.max_call_duration_s)
        call = self.new_call(line, caller=source, to=target)
        reply = call.answered(data, speaks=bool(data.get("callIntelligenceOptions")))
        self._start(self._placed(call, target, data.get("operationContext")))
        return reply

    def _connect(self, _: tuple[str, ...], data: Json) -> Json:
        kind = member(data, "callLocator.kind", str)
        if kind not in ("roomCallLocator", "groupCallLocator", "serverCallLocator"):
            raise Refused(400, 8523, "the kind of callLocator is not known")
        line = Line(self._clock, Ledger(self._clock), self.settings.max_call_duration_s)
        call = self.new_call(line, caller="8:acs:simulator_bot", to=f"group:{self.new_id()}")
        reply = call.answered(data, speaks=bool(data.get("callIntelligenceOptions")))
        self._start(self._placed(call, "", data.get("operationContext")))
        return reply

    def _start(self, life: Awaitable[None]) -> None:
        async def live() -> None:
            await life

        task = self._clock.start(live())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _placed(self, call: AcsCall, target: str, context: str | None) -> None:
        fate = self.settings.answers.get(target)
        if fate is not None:
            kinds = [("CreateCallFailed", context), ("CallDisconnected", None)]
            self._random.shuffle(kinds)
            for kind, each in kinds:
                call.tell(kind, each, **result(*FATES[fate]))
            call.state = "disconnected"
            await call.post_all()
            return
        call.connect(context)
        script = self.callees.get(target)
        if script is None:
            await call.run()
            return
        caller = self._clock.start(ScriptedCaller(script).run(call.line))
        try:
            await call.run()
        finally:
            caller.cancel()

    def _taken(self, data: Json, outcome: str) -> Ring:
        ring = self._rings.get(member(data, "incomingCallContext", str))
        if ring is None or ring.outcome or ring.call.line.over_by is not None:
            raise Refused(404, 8522, "The call rings no more, or was taken.")
        ring.outcome = outcome
        ring.taken()
        return ring

    def _answer_call(self, _: tuple[str, ...], data: Json) -> Json:
        member(data, "callbackUri", str)
        ring = self._taken(data, "answered")
        reply = ring.call.answered(data, speaks=bool(data.get("callIntelligenceOptions")))
        ring.call.connect(data.get("operationContext"))
        return {**reply, "callConnectionState": "connecting"}

    def _reject_call(self, _: tuple[str, ...], data: Json) -> None:
        if data.get("callRejectReason", "none") not in _REJECTS:
            raise Refused(400, 8523, "callRejectReason is none, busy or forbidden")
        self._taken(data, "rejected")

    def _redirect_call(self, _: tuple[str, ...], data: Json) -> None:
        target = raw_id(member(data, "target", dict))
        self._taken(data, "redirected").redirected_to = target

    def _get_call(self, ids: tuple[str, ...], _: Json) -> Json:
        return self._call(ids[0]).described()

    def _list_participants(self, ids: tuple[str, ...], _: Json) -> Json:
        return {"value": self._call(ids[0]).roster()}

    def _get_participant(self, ids: tuple[str, ...], _: Json) -> Json:
        found = [each for each in self._call(ids[0]).roster() if each["identifier"]["rawId"] == ids[1]]
        if not found:
            raise Refused(404, 8522, "Participant not found.")
        return found[0]

    def _call(self, call_id: str) -> AcsCall:
        call = self.calls.get(call_id)
        if call is None or call.state == "disconnected":
            raise Refused(404, 8522, "Call not found.")
        return call

    # Recordings, identities, links to Teams.

    def _start_recording(self, _: tuple[str, ...], data: Json) -> Json:
        connection = data.get("callConnectionId")
        server = connection or member(data, "callLocator.serverCallId", str)
        found = (each for each in self.calls.values() if server in (each.id, each.server_call_id))
        call = next(found, None)
        if call is None or call.state != "connected":
            raise Refused(404, 8522, "Call not found.")
        kind = str(data.get("recordingFormatType") or "wav")
        if kind not in ("wav", "mp3"):
            raise Refused(400, 8523, "the simulator records wav and mp3")
        recording = call.record(kind, paused=bool(data.get("pauseOnStart")))
        return {"recordingId": recording.id, "recordingState": recording.state}

    def _recording(self, recording_id: str) -> Recording:
        found = (each for call in self.calls.values() for each in call.recordings if each.id == recording_id)
        recording = next(found, None)
        if recording is None or recording.state == "stopped":
            raise Refused(404, 8522, "Recording not found.")
        return recording

    def _get_recording(self, ids: tuple[str, ...], _: Json) -> Json:
        recording = self._recording(ids[0])
        kind = "azureCommunicationServices"
        return {"recordingId": recording.id, "recordingState": recording.state, "recordingKind": kind}

    def _stop_recording(self, ids: tuple[str, ...], _: Json) -> None:
        recording = self._recording(ids[0])
        recording.pause(recording.call.line.clock.now())
        recording.state = "stopped"
        recording.call.notice()

    def _pause_recording(self, ids: tuple[str, ...], _: Json) -> None:
        recording = self._recording(ids[0])
        recording.pause(recording.call.line.clock.now())

    def _resume_recording(self, ids: tuple[str, ...], _: Json) -> None:
        recording = self._recording(ids[0])
        recording.resume(recording.call.line.clock.now())

    def _recording_of(self, document: str) -> Recording:
        found = (each for call in self.calls.values() for each in call.recordings if document in each.files)
        recording = next(found, None)
        if recording is None:
            raise Refused(404, "NotFound", "there is no such recording")
        return recording

    def _download(self, document: str, part: str, wanted: str) -> Reply:
        recording = self._recording_of(document)
        if part == "acsmetadata":
            return Reply.of(200, {"resourceId": self.settings.resource_id, "chunkDocumentId": document})
        data = recording.files[document]
        if not wanted.startswith("bytes="):
            return Reply(200, data, {"Content-Type": f"audio/{recording.format}"})
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first)
        end = min(int(last) if last else len(data) - 1, len(data) - 1)
        if start > end:
            raise Refused(416, "InvalidRange", "the range is not in the file")
        return Reply(206, data[start : end + 1], {"Content-Range": f"bytes {start}-{end}/{len(data)}"})

    def _create_identity(self, _: tuple[str, ...], data: Json) -> Json:
        identity = f"8:acs:{self.settings.resource_id}_{self.new_id()}"
        self._identities.add(identity)
        token = {"accessToken": self._token(identity)} if data.get("createTokenWithScopes") else {}
        return {"identity": {"id": identity}, **token}

    def _token(self, identity: str) -> Json:
        if identity not in self._identities:
            raise Refused(404, "NotFound", "there is no such identity")
        return {"token": self.issuer.token(sub=identity), "expiresOn": "2030-01-01T00:00:00+00:00"}

    def _issue_token(self, ids: tuple[str, ...], data: Json) -> Json:
        member(data, "scopes", list)
        return self._token(ids[0])

    def _revoke(self, ids: tuple[str, ...], _: Json) -> None:
        self._token(ids[0])

    def _delete_identity(self, ids: tuple[str, ...], _: Json) -> None:
        self._token(ids[0])
        self._identities.discard(ids[0])

    def _link(self, ids: tuple[str, ...], data: Json) -> Json:
        kind = member(data, "principalType", str)
        self._links[ids[0], ids[1]] = {"objectId": ids[1], "tenantId": ids[0], "principalType": kind}
        return self._links[ids[0], ids[1]]

    def _get_link(self, ids: tuple[str, ...], _: Json) -> Json:
        if (ids[0], ids[1]) not in self._links:
            raise Refused(404, "NotFound", "the account is not linked")
        return self._links[ids[0], ids[1]]

    def _unlink(self, ids: tuple[str, ...], _: Json) -> None:
        self._links.pop((ids[0], ids[1]), None)


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
    "createIdentity": AcsResource._create_identity,
    "issueAccessToken": AcsResource._issue_token,
    "revokeAccessTokens": AcsResource._revoke,
    "deleteIdentity": AcsResource._delete_identity,
    "linkTeams": AcsResource._link,
    "getTeamsLink": AcsResource._get_link,
    "unlinkTeams": AcsResource._unlink,
}
"""Operations that are not about a call under way."""


def _faulty(fault: Fault) -> Reply:
    headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    error = {"error": {"code": str(fault.status), "message": "the simulator was told to fail"}}
    return Reply.of(fault.status, error, **headers)


class AcsApp:
    """The resource as an ASGI application, or a part of one that is behind `prefix`."""

    def __init__(self, resource: AcsResource, prefix: str = "") -> None:
        self._resource, self._prefix = resource, prefix

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Serve one request."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        path = scope["raw_path"].decode().partition("?")[0]
        target = f"{path}?{query}" if query else path
        request = Request(scope["method"], target, headers, body, self._prefix)
        base = f"{scope['scheme']}://{headers.get('host', '')}{self._prefix}"
        reply = await self._resource.handle(request, base)
        fields = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": fields})
        await send({"type": "http.response.body", "body": reply.body})
