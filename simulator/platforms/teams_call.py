"""One call of the simulated Teams: its commands, its media operations, its notifications, who is in it.

1. A command changes the call at once, or is refused. An operation that takes time is `running` in its reply and told
   when it is over; one that does not is `completed` in its reply, and not told.
2. playPrompt and recordResponse run one after the other. cancelMediaProcessing ends the one that runs and those that
   wait as failed, 400/8508; the subscription to tones stays.
3. A call that is answered is establishing, then established. In a meeting the roster follows, and again whenever it
   changes.
4. The end is `deleted`, with the state terminated. Before it whatever runs is over; a recording has what was said.
5. A transfer is transferring, then transferAccepted and the end (0/7015), or established again with a result of 500.
6. A call that was not kept alive in time is ended with 408/8537.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from simulator.delivery import Bearer, Delivery, Message, Retries
from simulator.issuer import Issuer
from simulator.line import CallOver, Key, Line, Signal
from simulator.notation import Notation
from simulator.platforms.postbox import News, Postbox
from simulator.platforms.rest import Json, Refused
from simulator.platforms.teams_commands import COMMANDS
from simulator.platforms.teams_media import MediaFailed, TeamsMedia
from simulator.platforms.teams_settings import TeamsSettings
from simulator.platforms.teams_wire import TONES, document, identity_set, notification, operation, result_info, typed

USER_AGENT: Final = "Microsoft-Skype/3.0 (Calling/1.0)"


@dataclass
class Person:
    """Somebody in a call. `id` is the participant's."""

    id: str
    identity: str
    name: str = ""
    is_muted: bool = False
    language: str = ""

    def described(self, number: int) -> Json:
        """A participant, in a roster of this number."""
        info = {"identity": identity_set(self.identity, self.name)}
        return {
            "@odata.type": "#microsoft.graph.participant",
            "id": self.id,
            "info": info,
            "isMuted": self.is_muted,
            "isInLobby": False,
            "rosterSequenceNumber": number,
        }


class TeamsCall:
    """A call on `line`. `people` are those who are in it besides the bot; `ids` gives ids.

    `bot_url` is the calling webhook; from the answer on notifications go to the callbackUri.
    """

    def __init__(
        self,
        line: Line,
        delivery: Delivery,
        media: TeamsMedia,
        settings: TeamsSettings,
        *,
        people: list[Person],
        bot_url: str,
        random: Random,
        ids: Callable[[], str],
        issuer: Issuer | None,
        notation: Notation,
        base: Callable[[], str],
        is_meeting: bool = False,
    ) -> None:
        self.id = ids()
        self.state = "incoming"
        self.line, self.delivery, self.settings, self.media = line, delivery, settings, media
        self.people, self.is_meeting, self.notation = people, is_meeting, notation
        self.callback = bot_url
        self.about: Json = {}
        """What is said of it besides its state to whoever asks for it."""
        self.commands = 0
        self.transfer_fails = False
        self.recording_status = "notRecording"
        self.statuses: list[str] = []
        """What updateRecordingStatus has said, in order."""
        self.sounds: dict[str, bytes] = {}
        self.operations: dict[str, Json] = {}
        self.is_muted = False
        self.kept_alive_at = line.clock.now()
        self._random, self.new_id, self._base = random, ids, base
        self._proof = Bearer(issuer) if issuer is not None else None
        self._retries = Retries(settings.waits_s, settings.request_timeout_s, settings.lost_s)
        self._queue: deque[tuple[str, str, Json]] = deque()
        self._running: tuple[str, str, Json] | None = None
        self._operation: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        unknown = self._unknown if settings.unknown_notices else None
        self.postbox = Postbox(line, delivery, settings, random, self._post_values, unknown)
        self.news = News(line)
        self._roster = self._tones = 0
        self._transfer: str | None = None
        self._ended_with = result_info(200, 0)

    # What the platform is told to do with it.

    def command(self, name: str, data: Json) -> Json | None:
        """Rule 1: do a command; the body of its reply."""
        self.commands += 1
        if self.state == "terminated":
            raise Refused(404, 8522, "Call not found.")
        if self.state != "established" and name not in ("get", "hangUp", "keepAlive"):
            raise Refused(400, 8501, "Action is invalid when the call is not in the established state.")
        reply: Json | None = COMMANDS[name](self, data)
        return reply

    def begun(self, name: str, data: Json) -> Json:
        """An operation that takes time: it waits for its turn."""
        number = self.new_id()
        self.operations[number] = operation(name, number, "running", data.get("clientContext"))
        self._queue.append((name, number, data))
        self.news.set()
        return self.operations[number]

    def done(self, name: str, data: Json) -> Json:
        """An operation that is completed at once."""
        number = self.new_id()
        self.operations[number] = operation(
            name, number, "completed", data.get("clientContext"), resultInfo=result_info(200)
        )
        return self.operations[number]

    def cancel_media(self) -> None:
        """Rule 2."""
        if self._operation is not None and self._running is not None:
            self._operation.cancel()
            self._queue.appendleft(self._running)
        for name, number, data in self._queue:
            self._over(name, number, data, "failed", resultInfo=result_info(400, 8508, "Action canceled."))
        self._queue.clear()
        self._running = None

    def answered(self, data: Json) -> None:
        """It is answered: rule 3."""
        self.callback = str(data["callbackUri"])
        self.notation.call(self.callback, "callback")
        self.state = "establishing"
        self.tell("updated", "", self.described())
        self.kept_alive_at = self.line.clock.now()
        self.news.set()

    def hand_over(self, target: str) -> None:
        """Rule 5."""
        self.state, self._transfer = "transferring", target
        self.tell("updated", "", self.described())
        self.news.set()

    def subscribe(self) -> None:
        """Tell the keys that are pressed from now on."""

        def heard(signal: Signal) -> None:
            if isinstance(signal, Key):
                self._tones += 1
                info = {"sequenceId": self._tones, "tone": TONES[signal.key]}
                self.tell("updated", "", typed("call", id=self.id, toneInfo=info))

        self.line.taps[:] = [heard]

    # Who is in it.

    def invited(self, identities: list[str], data: Json) -> Json:
        """People are rung: who comes is told, and then the operation."""
        number = self.new_id()
        self.operations[number] = operation("invite", number, "running", data.get("clientContext"))
        self._tasks.add(self.line.clock.start(self._ring(identities, number, data)))
        return self.operations[number]

    async def _ring(self, identities: list[str], number: str, data: Json) -> None:
        try:
            await self.line.pause(self.settings.invite_s)
        except CallOver:
            return
        fates = [self.settings.answers[each] for each in identities if each in self.settings.answers]
        for identity in identities:
            if identity not in self.settings.answers:
                self.joined(Person(self.new_id(), identity))
        if fates:
            codes = {"busy": (486, 8539), "declined": (603, 8538), "absent": (408, 8544)}[fates[0]]
            self._over("invite", number, data, "failed", resultInfo=result_info(*codes))
        else:
            self._over("invite", number, data, "completed", resultInfo=result_info(200))

    def joined(self, person: Person) -> None:
        """Somebody came."""
        self.people.append(person)
        self.line.ledger.add("platform", "joined", identity=person.identity)
        self.tell_roster()

    def left(self, person: Person) -> None:
        """Somebody went; when nobody is left, the call is over."""
        self.people.remove(person)
        self.line.ledger.add("platform", "left", identity=person.identity)
        self.tell_roster()
        if not self.people:
            self.line.hang_up("caller")

    def person(self, number: str) -> Person:
        """Somebody by the participant's id. Raises `Refused` (404)."""
        found = next((each for each in self.people if each.id == number), None)
        if found is None:
            raise Refused(404, 8522, "Participant not found.")
        return found

    def roster(self) -> list[Json]:
        """Its participants."""
        return [each.described(self._roster) for each in self.people]

    def tell_roster(self) -> None:
        """Have it told who is in the call."""
        if self.state in ("established", "establishing"):
            self._roster += 1
            self.tell("updated", "/participants", self.roster())

    # Its life.

    def described(self, **members: Any) -> Json:
        """The call, as a notification has it."""
        return typed("call", id=self.id, state=self.state, **members)

    async def run(self) -> None:
        """Live, from when it was answered to its end. A participant of the line's clock."""
        clock = self.line.clock
        over = clock.start(self.watch())
        try:
            await self._establish()
            while self.line.over_by is None:
                self.postbox.post_all()
                if self._transfer is not None:
                    await self._transferred(self._transfer)
                elif self._running is None and self._queue:
                    self._running = self._queue.popleft()
                    self._operation = clock.start(self._operate(*self._running))
                elif clock.now() >= self.kept_alive_at + self.settings.keep_alive_s:
                    self._ended_with = result_info(408, 8537, "The call was not kept alive.")
                    self.line.hang_up("platform")
                else:
                    await self.news.wait(self.kept_alive_at + self.settings.keep_alive_s)
            await self._end()
        finally:
            over.cancel()
            self.postbox.cancel()
            for task in (self._operation, *self._tasks):
                if task is not None:
                    task.cancel()

    def tell(self, change: str, part: str, data: Any) -> None:
        """Have something posted about the call, or about a part of it."""
        self.postbox.put(self.callback, notification(change, f"{self.id}{part}", data))
        self.news.set()

    async def watch(self) -> None:
        """Notice the end of the line."""
        await self.line.ended()
        self.news.set()

    async def post(self, url: str, body: Json) -> None:
        """Post a document, and wait until it is answered."""
        content = json.dumps(body).encode()
        await self.delivery.post(self.message(url, content, body, "application/json; charset=utf-8"))

    async def _post_values(self, url: str, values: list[Json]) -> None:
        await self.post(url, document(values))

    def _unknown(self, _: Json) -> Json:
        """A notification of something that nobody knows."""
        return notification("moved", f"{self.id}/somethingElse", [{"id": "x"}])

    def message(self, url: str, content: bytes, noted: Any, content_type: str) -> Message:
        """A message to the bot."""
        headers = {
            "Content-Type": content_type,
            "User-Agent": USER_AGENT,
            "X-Microsoft-Skype-Chain-ID": self.id,
            "X-Microsoft-Skype-Message-ID": self.new_id(),
        }
        number = headers["X-Microsoft-Skype-Message-ID"]
        return Message(url, number, self.id, headers, content, noted, self._retries, self._proof)

    async def _establish(self) -> None:
        """Rule 3."""
        self.postbox.post_all()
        try:
            await self.line.pause(self.settings.establish_s)
        except CallOver:
            return
        self.state = "established"
        self.line.answer()
        self.tell("updated", "", self.described(mediaState={"audio": "active"}))
        if self.is_meeting:
            self.tell_roster()

    async def _operate(self, name: str, number: str, data: Json) -> None:
        """Run a media operation."""
        status, members = "completed", {"resultInfo": result_info(200, 0, "Action completed.")}
        try:
            if name == "playPrompt":
                await self.media.play(data["prompts"])
            else:
                members |= await self._record(number, data)
        except MediaFailed as failed:
            status, members = "failed", {"resultInfo": result_info(400, failed.subcode, str(failed))}
        except CallOver:
            return
        self._running = None
        self._over(name, number, data, status, **members)

    async def _record(self, number: str, data: Json) -> Json:
        reason, sound = await self.media.record(data, number)
        if reason == "mediaReceiveTimeout" and not self.settings.record_on_hang_up:
            return {"completionReason": "unspecifiedError"}
        if not sound:
            return {"completionReason": reason}
        self.sounds[number] = sound
        location = f"{self._base()}/recordings/{self.id}/{number}"
        return {"completionReason": reason, "recordingLocation": location, "recordingAccessToken": f"sound-{number}"}

    def _over(self, name: str, number: str, data: Json, status: str, **members: Any) -> None:
        """An operation is over: it is told."""
        body = operation(name, number, status, data.get("clientContext"), **members)
        self.operations[number] = body
        self.tell("deleted", f"/operations/{number}", body)

    async def _transferred(self, target: str) -> None:
        """Rule 5."""
        self._transfer = None
        self.postbox.post_all()
        try:
            await self.line.quiet(self.settings.transfer_s)
        except CallOver:
            return
        ok = not self.transfer_fails and target not in self.settings.answers
        self.line.ledger.add("platform", "transferred", target=target, ok=ok)
        if not ok:
            self.state = "established"
            self.tell("updated", "", self.described(resultInfo=result_info(500, 0, "The transfer failed.")))
            return
        self.state = "transferAccepted"
        self.tell("updated", "", self.described())
        self._ended_with = result_info(0, 7015, "The call was transferred.")
        self.line.hang_up("bot")

    async def _end(self) -> None:
        """Rule 4."""
        if self._running is not None and self._running[0] == "recordResponse" and self._operation is not None:
            await asyncio.gather(self._operation)
        self.cancel_media()
        self.state = "terminated"
        self.tell("deleted", "", self.described(resultInfo=self._ended_with))
        await self.postbox.settle()
