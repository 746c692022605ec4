"""The Skype platform: rings a bot over HTTP and runs its workflows (Skype Calling API).

 1. The first request is a Conversation, every later one the result of the last workflow, posted to its callback link
    with its appState, character by character.
 2. Actions run in order. The outcome of the first that fails is posted, and the rest is not run; or that of the last.
 3. A workflow that is illegal, or a first one that begins with neither answer nor reject, runs nothing: its outcome
    is the workflow validation's. It goes to the reply's own callback when that is legal, else to the last one, else
    to the bot's address.
 4. A 5xx, a time-out or a lost connection is tried again (`simulator.delivery`); when the tries are used up the
    platform hangs up. Any other status but 2xx: it hangs up at once.
 5. An empty reply leaves nothing to do: the call stays for a while, then the platform hangs up.
 6. A workflow without a callback link is run, then the platform hangs up.
 7. After a result with callState terminated the call is over, and a reply should be empty.
 8. To whoever subscribes, `links.notification` gets a callStateChange when the call is established and when it is
    terminated, and in a group call, a rosterUpdate once the call is established. A bot that refuses one is at fault,
    and the call goes on.
 9. A recording goes as multipart/form-data, JSON first: `conversationResult`, then `recordedAudio` without a file
    name, as the Node SDK wants, both with a content type, as the C# one does. A failed one goes as JSON.
10. A bot may answer with media of its own: simulator/platforms/skype_media.py.

What the contract leaves free is in `simulator.platforms.settings`.
"""

import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import UUID

from dialtone.protocol import (
    AUDIO_TYPES,
    CALL_STATE_CHANGE,
    MEDIA_ACTIONS,
    ROSTER_UPDATE,
    Answer,
    AnswerAppHostedMedia,
    CallState,
    CallStateChange,
    ContractViolation,
    Conversation,
    ConversationResult,
    MediaWorkflow,
    ModalityType,
    Outcome,
    OutcomeValue,
    Participant,
    Reject,
    RosterParticipant,
    RosterUpdate,
    Workflow,
    rules,
)
from simulator.delivery import Bearer, Delivery, Message, Retries
from simulator.faults import Plan
from simulator.issuer import Issuer
from simulator.ledger import Ledger
from simulator.line import CallOver, Line
from simulator.media.leg import MediaLeg
from simulator.notation import Notation
from simulator.platform import Recording, Ringing
from simulator.platforms.settings import PlatformSettings
from simulator.platforms.skype_actions import Done, SkypeActions
from simulator.platforms.skype_media import SkypeMedia
from simulator.script import CallSetup, Send
from simulator.wire import Response

USER_AGENT: Final = "Microsoft-Skype/3.0,(Calling/1.0)"
JSON_TYPE: Final = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Ids:
    """The ids of a call, all derived from its seed and its setup."""

    chain: str
    call: str
    random: Random

    @classmethod
    def from_seed(cls, seed: int, script: str, prefix: str = "") -> "Ids":
        """The ids of the call of a script with this seed: two scripts do not share them. The call's has a prefix."""
        random = Random(f"{seed} {script}")  # noqa: S311
        chain = UUID(int=random.getrandbits(128), version=4)
        return cls(str(chain), f"{prefix}{chain.hex}", random)

    def next(self) -> str:
        """A new id."""
        return str(UUID(int=self.random.getrandbits(128), version=4))


class Skype:
    """The platform. With an `issuer` each request carries a token."""

    def __init__(self, settings: PlatformSettings | None = None, issuer: Issuer | None = None) -> None:
        self.settings = settings or PlatformSettings()
        self.issuer = issuer

    @property
    def tokens(self) -> bool:
        """Whether there is an issuer."""
        return self.issuer is not None

    @property
    def requests_to_ring(self) -> int:
        """The first request is the call."""
        return 1

    @property
    def max_call_s(self) -> float:
        """How long a call may last."""
        return self.settings.max_call_duration_s

    def new_call(self, setup: CallSetup, line: Line, ringing: Ringing) -> "SkypeCall":
        """A call, which has not begun."""
        return SkypeCall(setup, line, ringing, self.settings, self.issuer)


class SkypeCall:
    """One call.

    `recordings` keeps what was recorded; `problems` says, in sentences, what the bot did that ended or broke the call.
    """

    def __init__(
        self, setup: CallSetup, line: Line, ringing: Ringing, settings: PlatformSettings, issuer: Issuer | None = None
    ) -> None:
        self.recordings: list[Recording] = []
        self.turns = 0
        self._notation = Notation(ringing.bot_url, names=line.clock.virtual)
        plan = Plan(setup.faults)
        self.delivery = Delivery(line, ringing.wire, self._notation, plan=plan, house=ringing.house)
        self.problems = self.delivery.problems
        self._setup = setup
        self._bot_url = ringing.bot_url
        self._line = line
        self._ledger: Ledger = line.ledger
        self._seed = ringing.seed
        self._settings = settings
        self._retries = Retries(
            waits_s=(settings.retry_spacing_s,) * settings.retries,
            timeout_s=settings.request_timeout_s,
            lost_s=settings.request_timeout_s,
        )
        self._proof = Bearer(issuer) if issuer is not None else None
        self._ids = Ids.from_seed(ringing.seed, setup.name, settings.call_prefix)
        self._actions = SkypeActions(line, settings, ringing.wire, transfer_fails=setup.transfer_fails)
        leg = MediaLeg(
            line,
            call_id=self._ids.call,
            participants=(setup.caller.identity, *setup.others),
            token=issuer.token if issuer is not None else None,
            faults=setup.media_faults(ringing.seed),
        )
        self._media = SkypeMedia(line, leg, self._ids.call, self.problems)
        self._callback: str | None = None
        self._app_state: str | None = None
        self._notification: str | None = None
        self._subscriptions: frozenset[str] = frozenset()
        self._first = True
        self._turns_at_once = 0
        self._last_turn_at = -1.0

    async def run(self) -> None:
        """Make the call, until it is over."""
        try:
            await self._run_call()
        finally:
            self._media.cancel()

    async def _run_call(self) -> None:
        with self._line.life(
            lambda: {"turns": self.turns, "recordings": len(self.recordings)},
            call_id=self._ids.call,
            chain_id=self._ids.chain,
            seed=self._seed,
            bot=self._notation.address(self._bot_url),
            caller=self._setup.caller.identity,
            script=self._setup.name,
        ):
            reply = await self._post(self._bot_url, self._conversation().to_wire())
            while reply is not None:
                reply = await self._take(reply)
            self._line.hang_up("platform")
            await self._media.close()
            await self._tell_state(CallState.TERMINATED)
            await self.delivery.finish()

    def _conversation(self) -> Conversation:
        caller, others = self._setup.caller, self._setup.others
        return Conversation(
            id=self._ids.call,
            participants=[
                Participant(
                    identity=caller.identity, display_name=caller.name, language_id=caller.language, originator=True
                ),
                *(Participant(identity=identity, originator=False) for identity in others),
                Participant(identity=self._settings.bot_identity, originator=False),
            ],
            is_multiparty=bool(others),
            thread_id=f"19:{self._ids.call}@thread.skype" if others else None,
            subject=(self._setup.meeting.subject or None) if self._setup.meeting is not None and others else None,
            presented_modality_types=[ModalityType.AUDIO],
            call_state=CallState.INCOMING,
            links=self._links(),
        )

    def _links(self) -> dict[str, str]:
        return self._media.links or {"call": self._settings.call_link + self._ids.call}

    async def _take(self, body: bytes) -> bytes | None:
        """Take the bot's reply: run its workflow and post the result. None when the call ends here."""
        if not body.strip():
            await (self._media.hold(self._settings.idle_timeout_s) if self._media.answered else self._idle())
            return None
        if self._loops():
            return None
        data: Any = None
        try:
            data = _json(body)
            workflow = self._read(data)
        except ContractViolation as violation:
            self._violated(violation)
            self._salvage(data)
            self._first = False
            return await self._post_result(self._invalid(violation))
        self._callback = workflow.links.callback if workflow.links is not None else None
        self._app_state = workflow.app_state
        self._notification = workflow.links.notification if workflow.links is not None else None
        self._subscriptions = frozenset(workflow.notification_subscriptions or ())
        self._first = False
        self.turns += 1
        if self._settings.max_workflows is not None and self.turns > self._settings.max_workflows:
            self.problems.append(f"a call may have {self._settings.max_workflows} workflows")
            return None
        if not workflow.actions:
            await self._media.hold(self._settings.idle_timeout_s)
            return None
        done = await self._run(workflow)
        if done.recording is not None:
            self.recordings.append(done.recording)
        return await self._post_result(done) if self._callback is not None else None

    def _read(self, data: Any) -> Workflow | MediaWorkflow:
        if self._media.answered or _answers_with_media(data):
            hosted = MediaWorkflow.from_wire(data)
            rules.check_media_workflow(hosted, answered=self._media.answered, loopback_http=True)
            return hosted
        workflow = Workflow.from_wire(data)
        rules.check_workflow(workflow, loopback_http=True)
        first = workflow.actions[0].action
        if self._first and first not in ("answer", "reject"):
            raise ContractViolation(
                "FIRST_ACTION",
                f"the first workflow of a call begins with {first}",
                field="actions.0",
                fix="answer or reject the call first",
            )
        return workflow

    async def _run(self, workflow: Workflow | MediaWorkflow) -> Done:
        for action in workflow.actions or ():
            if isinstance(action, AnswerAppHostedMedia):
                done = await self._media.answer(action)
            else:
                done = await self._actions.run(action)
            if not done.outcome.succeeded:
                break
            if isinstance(action, Answer | AnswerAppHostedMedia):
                await self._tell_state(CallState.ESTABLISHED)
                await self._tell_roster()
        return done

    async def _tell_state(self, state: CallState) -> None:
        """Rule 8."""
        if self._notification is not None and CALL_STATE_CHANGE in self._subscriptions:
            change = CallStateChange(
                id=self._ids.call, type=CALL_STATE_CHANGE, current_state=state, state_change_code="0"
            )
            await self._post(self._notification, change.to_wire())

    async def _tell_roster(self) -> None:
        """Rule 8."""
        setup = self._setup
        if self._notification is None or ROSTER_UPDATE not in self._subscriptions or not setup.others:
            return
        identities = (setup.caller.identity, *setup.others, self._settings.bot_identity)
        participants = [
            RosterParticipant(
                identity=identity,
                media_type=ModalityType.AUDIO,
                media_stream_direction="sendrecv",
                media_stream_id=str(number),
            )
            for number, identity in enumerate(identities, 1)
        ]
        update = RosterUpdate(id=self._ids.call, type=ROSTER_UPDATE, participants=participants)
        await self._post(self._notification, update.to_wire())

    async def _idle(self) -> None:
        """The bot has nothing to do: wait for the caller to hang up, for a while."""
        try:
            await self._line.quiet(self._settings.idle_timeout_s)
        except CallOver:
            return
        self.problems.append(f"the bot gave nothing to do for {self._settings.idle_timeout_s:g} s")

    def _loops(self) -> bool:
        now = self._line.clock.now()
        self._turns_at_once = self._turns_at_once + 1 if now == self._last_turn_at else 0
        self._last_turn_at = now
        if self._turns_at_once < self._settings.max_workflows_at_once:
            return False
        self.problems.append(f"{self._turns_at_once} workflows in a row took no time at all")
        return True

    def _violated(self, violation: ContractViolation) -> None:
        self._ledger.add(
            "bot",
            "violation",
            code=violation.code,
            field=violation.field,
            message=violation.message,
            fix=violation.fix,
        )

    def _salvage(self, data: Any) -> None:
        """Keep of an illegal workflow what is legal of its callback and its appState."""
        if not isinstance(data, dict):
            return
        reject = Reject(operation_id="-").to_wire()
        for member in ("links", "appState"):
            try:
                workflow = Workflow.from_wire({"actions": [reject], member: data.get(member)})
                rules.check_workflow(workflow, loopback_http=True)
            except ContractViolation:
                continue
            if workflow.links is not None:
                self._callback = workflow.links.callback
            if workflow.app_state is not None:
                self._app_state = workflow.app_state

    def _invalid(self, violation: ContractViolation) -> Done:
        outcome = Outcome(
            type=self._settings.validation_outcome,
            id=self._ids.next(),
            outcome=OutcomeValue.FAILURE,
            failure_reason=str(violation),
        )
        if self._line.over_by is not None:
            return Done(outcome, CallState.TERMINATED)
        return Done(outcome, CallState.ESTABLISHED if self._actions.answered else CallState.INCOMING)

    async def _post_result(self, done: Done) -> bytes | None:
        """Post a workflow's result: the bot's reply, or None when the call ends with it."""
        result = ConversationResult(
            id=self._ids.call,
            call_state=done.state,
            operation_outcome=done.outcome,
            app_state=self._app_state,
            links=self._links(),
        )
        reply = await self._post(self._callback or self._bot_url, result.to_wire(), done.recording)
        if reply is None or done.state is not CallState.TERMINATED:
            return reply
        if _asks_for_actions(reply):
            self._violated(
                ContractViolation(
                    "WORKFLOW_AFTER_END",
                    "the call is over, the workflow is not run",
                    field="actions",
                    fix="reply with an empty body when callState is terminated",
                )
            )
        return None

    async def _post(self, url: str, message: dict[str, Any], recording: Recording | None = None) -> bytes | None:
        """Post a message: the body of the reply, or None when the call ends with it."""
        message_id = self._ids.next()
        content_type, content = _encode(message, recording, boundary=message_id)
        size = len(recording.data) if recording is not None else 0
        return await self.delivery.post(self._message(url, message_id, content_type, content, message, size))

    async def send(self, step: Send) -> Response:
        """Post what a script makes the platform send, as it is: to the callback link, or to the bot's address."""
        message_id = self._ids.next()
        content, noted = step.content(self._ids.call)
        url = self._bot_url if step.to == "bot" else self._callback or self._bot_url
        return await self.delivery.once(self._message(url, message_id, step.content_type, content, noted))

    def _message(
        self, url: str, message_id: str, content_type: str, content: bytes, noted: Any, size: int = 0
    ) -> Message:
        headers = {
            "X-Microsoft-Skype-Chain-ID": self._ids.chain,
            "X-Microsoft-Skype-Message-ID": message_id,
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            "Content-Type": content_type,
        }
        return Message(
            url, message_id, self._ids.chain, headers, content, noted, self._retries, proof=self._proof, size=size
        )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ContractViolation(
            "NOT_JSON", "the body is not JSON", fix="send a workflow as JSON, or an empty body", stage="parse"
        ) from None


def _answers_with_media(data: Any) -> bool:
    """Whether a workflow's first action is one of a bot with media of its own."""
    try:
        kind = data["actions"][0]["action"]
    except (KeyError, IndexError, TypeError):
        return False
    return isinstance(kind, str) and kind.casefold() in {known.casefold() for known in MEDIA_ACTIONS}


def _asks_for_actions(body: bytes) -> bool:
    try:
        data = _json(body) if body.strip() else None
    except ContractViolation:
        return False
    return isinstance(data, dict) and bool(data.get("actions"))


def _encode(message: dict[str, Any], recording: Recording | None, boundary: str) -> tuple[str, bytes]:
    """The content type and body of a message."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    if recording is None:
        return JSON_TYPE, text
    parts = (("conversationResult", JSON_TYPE, text), ("recordedAudio", AUDIO_TYPES[recording.format], recording.data))
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, kind, data in parts
    )
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()
