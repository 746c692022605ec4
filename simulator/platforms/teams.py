"""The Teams platform: a tenant of Microsoft Graph's cloud communications API, on this machine.

1. It answers below `/v1.0` as `teams_wire` says, to tokens that it gave; Microsoft's SDK talks to it as it is:
   `GraphRequestAdapter(...).base_url = "http://127.0.0.1:<port>/v1.0"`.
2. `/<tenant>/oauth2/v2.0/token` gives tokens for client credentials, to an assertion that names the app, is for this
   address, and is signed by the app's certificate where that is known.
3. Notifications carry a token of one of two issuers, with `tid`; the OpenID metadata is at `/v1/.well-known/
   OpenIdConfiguration`.
4. `/speech/cognitiveservices/v1` stands in for Azure's speech service, so that texts are known when they are played.
5. A call that is placed is taken by whoever `callees` has for its target, or by nobody in particular. A call that joins
   one of `meetings` has its people.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs

import jwt

from simulator.callers import ScriptedCaller
from simulator.clock import Clock
from simulator.delivery import Delivery
from simulator.faults import Plan
from simulator.house import House
from simulator.issuer import Issuer, new_key
from simulator.ledger import Ledger
from simulator.line import CallOver, Line
from simulator.notation import Notation
from simulator.platforms.rest import Json, Refused, Reply, Request, RestService, member, new_id, read
from simulator.platforms.teams_call import Person, TeamsCall
from simulator.platforms.teams_media import SpeechService, TeamsMedia
from simulator.platforms.teams_meetings import Meeting, link_in
from simulator.platforms.teams_settings import TeamsSettings
from simulator.platforms.teams_wire import OPERATIONS, ROUTES, identity_in, identity_set, result_info, typed
from simulator.wire import Wire

METADATA: Final = "/v1/.well-known/OpenIdConfiguration"
ISSUER: Final = "https://graph.microsoft.com"
TOKEN_S: Final = 3600
REDIRECT_S: Final = (15, 90)
MEETINGS: Final = 100
REJECTS: Final = frozenset({"none", "busy", "forbidden"})
_LISTS: Final = ("listAttendanceReports", "listAttendance", "listTranscripts", "listRecordings")


class GraphService(RestService[TeamsCall]):
    """The service of one tenant. `wire` posts to bots, `clock` makes that of a call that a bot places."""

    def __init__(
        self,
        wire: Wire,
        clock: Callable[[], Clock],
        settings: TeamsSettings | None = None,
        *,
        bot_url: str = "",
        issuer: Issuer | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or TeamsSettings()
        super().__init__(ROUTES, self.settings.faults)
        self.bot_url = bot_url
        self.issuer = issuer or new_issuer(self.settings, now)
        self.meetings: list[Meeting] = []
        self.speech = SpeechService()
        self.base = ""
        self._wire, self._clock, self._now = wire, clock, now
        self._random = Random("teams")  # noqa: S311
        self._tokens: set[str] = set()

    # The calls.

    def new_call(
        self,
        line: Line,
        *,
        people: list[Person] | None = None,
        bot_url: str = "",
        random: Random | None = None,
        plan: Plan | None = None,
        house: House | None = None,
        is_meeting: bool = False,
    ) -> TeamsCall:
        """A call on a line, which nobody has answered."""
        random, bot_url = random or self._random, bot_url or self.bot_url
        notation = Notation(bot_url, names=line.clock.virtual)
        call = TeamsCall(
            line,
            Delivery(line, self._wire, notation, plan=plan or Plan(), house=house, in_order=False),
            TeamsMedia(line, self.settings, self._wire, self.speech),
            self.settings,
            people=people if people is not None else [],
            bot_url=bot_url,
            random=random,
            ids=lambda: new_id(random),
            issuer=self.issuer,
            notation=notation,
            base=lambda: self.base,
            is_meeting=is_meeting,
        )
        self.calls[call.id] = call
        return call

    # The REST API.

    async def handle(self, request: Request, base: str = "") -> Reply:
        """See `RestService`."""
        self.base = base
        return await super().handle(request, base)

    def _other(self, request: Request, base: str) -> Reply | None:
        """Rules 2, 3 and 4, and the sound of recordings."""
        path = request.path
        if request.method == "GET" and path == METADATA:
            return Reply.of(200, self.issuer.metadata(f"{base}/v1"))
        if request.method == "GET" and path == "/v1/keys":
            return Reply.of(200, self.issuer.keys)
        if request.method == "POST" and path == f"/{self.settings.tenant}/oauth2/v2.0/token":
            return self._token(request, f"{base}{path}")
        if request.method == "POST" and path == "/speech/cognitiveservices/v1":
            return Reply(200, self.speech.speak(request.body.decode()), {"Content-Type": "audio/wav"})
        if request.method == "GET" and path.startswith("/recordings/"):
            return self._recording(request)
        return None

    def _token(self, request: Request, url: str) -> Reply:
        """Rule 2."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        try:
            head = jwt.get_unverified_header(form["client_assertion"])
            claims = jwt.decode(form["client_assertion"], options={"verify_signature": False})
        except (KeyError, jwt.InvalidTokenError):
            raise Refused(401, "invalid_client", "there is no assertion") from None
        right = {"aud": url, "iss": self.settings.app, "sub": self.settings.app}
        wanted = form.get("client_id") == self.settings.app and right.items() <= claims.items()
        known = self.settings.thumbprint in ("", head.get("x5t#S256"))
        if not wanted or not known or claims.get("exp", 0) < self._now():
            raise Refused(401, "invalid_client", "the assertion is not that of the app")
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return Reply.of(200, {"token_type": "Bearer", "expires_in": TOKEN_S, "access_token": token})

    def grant(self) -> str:
        """A token without an assertion, for a client that has another way to get one."""
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return token

    def _authorize(self, request: Request) -> None:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            raise Refused(401, "InvalidAuthenticationToken", "the token is not one of this tenant")

    def _answer(self, name: str, ids: tuple[str, ...], request: Request) -> Reply:
        """Do an operation."""
        status = OPERATIONS[name][2]
        data = read(request.body)
        if name == "create":
            return Reply.of(status, self._create(data))
        if "onlineMeetings" in OPERATIONS[name][1]:
            return self._about_meetings(name, ids, request.target.partition("?")[2])
        call = self.calls.get(ids[0])
        if call is None:
            raise Refused(404, 8522, "Call not found.")
        try:
            reply = Reply.of(status, self._of_call(call, name, ids, data))
        except Refused as refused:
            self._note(call, name, data, refused.reply.status)
            raise
        self._note(call, name, data, status)
        return reply

    @staticmethod
    def _note(call: TeamsCall, name: str, data: Json, status: int) -> None:
        told = call.notation.message(data)
        call.line.ledger.add("bot", "command", operation=name, status=status, **({"json": told} if told else {}))

    def _of_call(self, call: TeamsCall, name: str, ids: tuple[str, ...], data: Json) -> Json | None:
        match name:
            case "answer" | "reject" | "redirect":
                self._taken(call, name, data)
                return None
            case "getOperation":
                if ids[1] not in call.operations:
                    raise Refused(404, 8522, "Operation not found.")
                return call.operations[ids[1]]
            case "getParticipant":
                return call.person(ids[1]).described(0)
            case "muteParticipant":
                call.person(ids[1]).is_muted = True
                call.tell_roster()
                return call.done("muteParticipant", data)
            case "removeParticipant":
                call.left(call.person(ids[1]))
                return None
        reply: Json | None = call.command(name, data)
        return reply

    def _taken(self, call: TeamsCall, name: str, data: Json) -> None:
        """What is done with a call that rings, once."""
        call.commands += 1
        if call.state != "incoming" or call.line.over_by is not None:
            raise Refused(404, 8522, "Call not found.")
        if name == "answer":
            member(data, "callbackUri", str)
            if member(data, "mediaConfig", dict).get("@odata.type") != "#microsoft.graph.serviceHostedMediaConfig":
                raise Refused(400, 8523, "the simulator hosts the media")
            call.answered(data)
        elif name == "reject":
            if data.get("reason", "none") not in REJECTS:
                raise Refused(400, 8523, "reason is none, busy or forbidden")
            call.state = "rejected"
        else:
            least, most = REDIRECT_S
            timeout, targets = data.get("timeout", 55), member(data, "targets", list)
            if not isinstance(timeout, int) or not least <= timeout <= most or not 1 <= len(targets) <= 25:
                raise Refused(400, 8523, f"1 to 25 targets ring for {least} to {most} seconds")
            for target in targets:
                identity_in(target)
            call.state = "redirected"
        call.news.set()

    # Calls that bots place, and meetings.

    def _create(self, data: Json) -> Json:
        """Rule 5."""
        callback = member(data, "callbackUri", str)
        meeting = next((each for each in self.meetings if each.joined_by(data)), None)
        if meeting is None and data.get("meetingInfo"):
            raise Refused(404, 7510, "The meeting was not found.")
        clock = self._clock()
        line = Line(clock, Ledger(clock), self.settings.max_call_duration_s)
        call = self.new_call(line, bot_url=callback, is_meeting=meeting is not None)
        if meeting is not None:
            self._start(clock, self._attend(call, meeting))
            more = {"subject": meeting.subject, **meeting.coordinates}
        else:
            target = identity_in(member(data, "targets", list)[0])
            if target.startswith("4:") and not (data.get("source") or {}).get("identity"):
                raise Refused(400, 7503, "a telephone is called by an applicationInstance")
            self._start(clock, self._placed(call, target))
            more = {}
        call.about = {"direction": "outgoing", "tenantId": self.settings.tenant, "callbackUri": callback, **more}
        call.answered(data)
        return call.described(**call.about)

    async def _placed(self, call: TeamsCall, target: str) -> None:
        if (fate := self.settings.answers.get(target)) is not None:
            code, sub_code = {"busy": (486, 8539), "declined": (603, 8538), "absent": (408, 8544)}[fate]
            call.state = "terminated"
            call.tell("deleted", "", call.described(resultInfo=result_info(code, sub_code)))
            await call.postbox.settle()
            return
        call.people.append(Person(call.new_id(), target))
        script = self.callees.get(target)
        caller = call.line.clock.start(ScriptedCaller(script).run(call.line)) if script is not None else None
        try:
            await call.run()
        finally:
            if caller is not None:
                caller.cancel()

    async def _attend(self, call: TeamsCall, meeting: Meeting) -> None:
        """A meeting that the bot has joined."""
        clock = call.line.clock
        seconds: dict[str, float] = {}
        people = [clock.start(self._come_and_go(call, each, seconds)) for each in meeting.attendees]
        try:
            await call.run()
            await asyncio.gather(*people)
        finally:
            for person in people:
                person.cancel()
        self.attended(call, meeting, seconds)

    def schedule(self, meeting: Meeting) -> None:
        """Have a meeting, unless there is one with its link. Of those that there were, the last MEETINGS are kept."""
        if all(each.join_link != meeting.join_link for each in self.meetings):
            self.meetings.append(meeting)
            del self.meetings[:-MEETINGS]

    @staticmethod
    def attended(call: TeamsCall, meeting: Meeting, seconds: dict[str, float]) -> None:
        """A meeting's call is over; `seconds` says how long each user was in it."""
        names = {each.user: each.name for each in meeting.attendees}
        spoke = [each for each in call.line.ledger.events if each["kind"] == "spoke"]
        users = [str(each.get("participant", "")).removeprefix("8:orgid:") for each in spoke]
        said = [(names.get(user, ""), str(each["text"])) for user, each in zip(users, spoke, strict=True)]
        sound = b"".join(recording.data for recording in call.media.recordings)
        meeting.attended(seconds, said, sound)

    async def _come_and_go(self, call: TeamsCall, attendee: Any, seconds: dict[str, float]) -> None:
        clock, line = call.line.clock, call.line
        script = None
        try:
            await line.pause(attendee.joins_s)
            person = Person(call.new_id(), f"8:orgid:{attendee.user}", attendee.name)
            call.joined(person)
            began = clock.now()
            try:
                if attendee.script is not None:
                    script = clock.start(ScriptedCaller(attendee.script).run(line))
                await line.pause((attendee.leaves_s or 4 * 3600) - attendee.joins_s)
                call.left(person)
            finally:
                seconds[attendee.user] = clock.now() - began
        except CallOver:
            return
        finally:
            if script is not None:
                script.cancel()

    def _about_meetings(self, name: str, ids: tuple[str, ...], query: str) -> Reply:
        theirs = [each for each in self.meetings if each.organizer == ids[0]]
        if name == "findMeetings":
            link = link_in(query)
            return Reply.of(200, {"value": [each.described() for each in theirs if each.join_link == link]})
        meeting = next((each for each in theirs if each.id == ids[1]), None)
        if meeting is None:
            raise Refused(404, "NotFound", "the meeting is not one of this organizer")
        if name == "getMeeting":
            return Reply.of(200, meeting.described())
        if name in _LISTS:
            return self._page(meeting.listed(name, ids[2] if len(ids) > 2 else ""), name, ids, query)
        kind = "text/vtt" if name == "getTranscript" else "audio/wav"
        return Reply(200, meeting.content(name, ids[2]), {"Content-Type": kind})

    def _page(self, items: list[Json], name: str, ids: tuple[str, ...], query: str) -> Reply:
        start = int(parse_qs(query).get("$skiptoken", ["0"])[0])
        end = start + self.settings.page
        body: Json = {"value": items[start:end]}
        if end < len(items):
            path = {
                "listAttendanceReports": "attendanceReports",
                "listAttendance": f"attendanceReports/{ids[-1]}/attendanceRecords",
                "listTranscripts": "transcripts",
                "listRecordings": "recordings",
            }[name]
            body["@odata.nextLink"] = f"{self.base}/v1.0/users/{ids[0]}/onlineMeetings/{ids[1]}/{path}?$skiptoken={end}"
        return Reply.of(200, body)

    def _recording(self, request: Request) -> Reply:
        """The sound of a recording, to whoever has its token."""
        _, _, call_id, number = request.path.split("/", 3)
        call = self.calls.get(call_id)
        sound = call.sounds.get(number) if call is not None else None
        if sound is None:
            raise Refused(404, "NotFound", "there is no such recording")
        if request.headers.get("authorization") != f"Bearer sound-{number}":
            raise Refused(401, "InvalidAuthenticationToken", "the token is not that of the recording")
        return Reply(200, sound, {"Content-Type": "audio/wav"})


class TeamsIssuer(Issuer):
    """An issuer whose tokens say which tenant they are about, by one of the two names in turn."""

    def __init__(self, settings: TeamsSettings, clock: Callable[[], float]) -> None:
        super().__init__(new_key(), settings.app, clock, name=ISSUER, life_s=TOKEN_S)
        self._tenant = settings.tenant

    def _sign(self, now: float, **changes: Any) -> str:
        return super()._sign(now, **({"tid": self._tenant} | changes))


def new_issuer(settings: TeamsSettings, now: Callable[[], float] = time.time) -> Issuer:
    """An issuer of the tokens of notifications, with a key of its own."""
    return TeamsIssuer(settings, now)


def incoming(call: TeamsCall, caller: Person, settings: TeamsSettings) -> Json:
    """The call that rings, as Graph has it."""
    bot = {"identity": {"application": {"id": settings.app}}}
    return call.described(
        **call.about,
        tenantId=settings.tenant,
        callbackUri=call.callback,
        requestedModalities=["audio"],
        source=typed(
            "participantInfo",
            identity=identity_set(caller.identity, caller.name, settings.tenant),
            languageId=caller.language or None,
        ),
        targets=[bot],
    )


def legacy(call: TeamsCall, people: list[Person]) -> Json:
    """The call that rings, in the shape of the Skype Calling API. The first of the people calls."""
    members = [{"identity": each.identity, "originator": each is people[0]} for each in people]
    members.append({"identity": "28:bot", "originator": False})
    return {"id": call.id, "participants": members, "presentedModalityTypes": ["audio"], "callState": "incoming"}
