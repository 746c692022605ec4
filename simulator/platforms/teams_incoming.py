"""The Teams platform as the simulator opens it: calls of scripts' callers to a bot's calling webhook.

1. The caller and the others are who the script says where Teams knows such identities, else users of that name.
2. With others it is a meeting's call: somebody in the meeting calls the bot in. Without, a meeting of the script is one
   that the bot may join.
3. `call.ended` has the number of commands that the bot sent for the call: Graph knows of no workflows.
"""

from random import Random
from typing import Final

from simulator.faults import Plan
from simulator.line import Line
from simulator.platform import Recording, Ringing
from simulator.platforms.rest import new_id
from simulator.platforms.teams import GraphService, incoming, legacy
from simulator.platforms.teams_call import Person
from simulator.platforms.teams_meetings import Meeting
from simulator.script import CallSetup, MeetingPart, Send
from simulator.wire import Response

_KINDS: Final = ("4:", "8:orgid:")


class Teams:
    """The platform, of one tenant. `tokens` says whether the bot verifies what the service signs."""

    def __init__(self, service: GraphService, *, tokens: bool = False) -> None:
        self.service = service
        self._tokens = tokens

    @property
    def tokens(self) -> bool:
        """Whether faults of tokens can be had."""
        return self._tokens

    @property
    def requests_to_ring(self) -> int:
        """The call in the Skype shape, which is answered 204, and the notice after it."""
        return 2

    @property
    def max_call_s(self) -> float:
        """How long a call may last."""
        return self.service.settings.max_call_duration_s

    def new_call(self, setup: CallSetup, line: Line, ringing: Ringing) -> "TeamsIncoming":
        """A call, which has not begun."""
        return TeamsIncoming(setup, line, ringing, self.service)


class TeamsIncoming:
    """One call."""

    def __init__(self, setup: CallSetup, line: Line, ringing: Ringing, service: GraphService) -> None:
        random = Random(f"teams {ringing.seed} {setup.name}")  # noqa: S311
        caller = setup.caller
        self._caller = Person(new_id(random), _known(caller.identity), caller.name, language=caller.language)
        others = [Person(new_id(random), _known(each)) for each in setup.others]
        self._people = [self._caller, *others]
        self.call = service.new_call(
            line,
            people=list(self._people),
            is_meeting=bool(others),
            bot_url=ringing.bot_url,
            random=random,
            plan=Plan(setup.faults),
            house=ringing.house,
        )
        self.call.transfer_fails = setup.transfer_fails
        self.delivery = self.call.delivery
        self._meeting = self._scheduled(setup.meeting, service)
        self.call.about = {"direction": "incoming"}
        if self._meeting is not None and others:
            self.call.about |= {"subject": self._meeting.subject or None, **self._meeting.coordinates}
        self._setup, self._ringing, self._service = setup, ringing, service

    def _scheduled(self, part: MeetingPart | None, service: GraphService) -> Meeting | None:
        """Rule 2. Raises ValueError for a link that is none."""
        is_meeting = len(self._people) > 1
        if part is None and not is_meeting:
            return None
        part = part or MeetingPart()
        organizer = _known(part.organizer or self._caller.identity)
        people = [(each.identity, each.name) for each in self._people]
        if not is_meeting:
            people = [(_known(each), "") for each in part.people]
        meeting = Meeting.of(part, organizer, people, service.settings.tenant, self.call.id)
        service.schedule(meeting)
        return meeting

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded."""
        return self.call.media.recordings

    async def run(self) -> None:
        """Make the call, until it is over."""
        call, line = self.call, self.call.line
        with line.life(
            lambda: {"commands": call.commands, "recordings": len(self.recordings)},
            call_id=call.id,
            chain_id=call.id,
            seed=self._ringing.seed,
            bot=call.notation.address(self._ringing.bot_url),
            caller=self._caller.identity,
            script=self._setup.name,
        ):
            await self._ring()
            if call.state in ("establishing", "established"):
                began = line.clock.now()
                await call.run()
                if self._meeting is not None and call.is_meeting:
                    seconds = line.clock.now() - began
                    self._service.attended(
                        call, self._meeting, {each.identity.removeprefix("8:orgid:"): seconds for each in self._people}
                    )
            elif call.state in ("rejected", "redirected"):
                line.hang_up("bot")
            else:
                if line.over_by is None:
                    self.delivery.problems.append(f"nobody answered within {self._service.settings.answer_s:g} s")
                line.hang_up("platform")
            await call.postbox.settle()
            self._service.forget(call)

    async def _ring(self) -> None:
        """Post that the call rings, and wait until it is taken, or nobody does in time."""
        call, settings = self.call, self._service.settings
        clock, url = call.line.clock, call.callback
        until = clock.now() + settings.answer_s
        watch = clock.start(call.watch())
        try:
            if settings.legacy_first:
                await call.post(url, legacy(call, self._people))
            call.tell("created", "", incoming(call, self._caller, settings))
            call.postbox.post_all()
            while call.state == "incoming" and clock.now() < until and call.line.over_by is None:
                await call.news.wait(until)
        finally:
            watch.cancel()

    async def send(self, step: Send) -> Response:
        """Post what a script makes the platform send, as it is: to the callback address, or to the webhook."""
        content, noted = step.content(self.call.id)
        url = self._ringing.bot_url if step.to == "bot" else self.call.callback
        return await self.delivery.once(self.call.message(url, content, noted, step.content_type))


def _known(identity: str) -> str:
    """Rule 1."""
    return identity if identity.startswith(_KINDS) else f"8:orgid:{identity.partition(':')[2]}"
