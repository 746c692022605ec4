"""The Skype platform: rings a bot over HTTP and runs its workflows (Skype Calling API).

 1. The first request is a Conversation, every later one the result of the last workflow, posted to its callback link
    with its appState, character by character.
 2. Actions run in order. The outcome of the first that fails is posted, and the rest is not run; or that of the last.
 3. A workflow that is illegal, or a first one that begins with neither answer nor reject, runs nothing: its outcome
    is the workflow validation's. It goes to the reply's own callback when that is legal, else to the last one, else
    to the bot's address.
 4. A 5xx, a time-out or a lost connection is tried again with the same Message-ID; when the tries are used up the
    platform hangs up. Any other status but 2xx: it hangs up at once.
 5. An empty reply leaves nothing to do: the call stays for a while, then the platform hangs up.
 6. A workflow without a callback link is run, then the platform hangs up.
 7. After a result with callState terminated the call is over, and a reply should be empty.
 8. A recording goes as multipart/form-data, JSON first: `conversationResult`, then `recordedAudio` without a file
    name, as the Node SDK wants, both with a content type, as the C# one does. A failed one goes as JSON.

What the contract leaves free is in `simulator.platforms.settings`.
"""

import json
import time
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx

from dialtone.protocol import (
    CallState,
    ContractViolation,
    Conversation,
    ConversationResult,
    ModalityType,
    Outcome,
    OutcomeValue,
    Participant,
    RecordingFormat,
    Workflow,
    rules,
)
from simulator.ledger import Ledger
from simulator.line import CallOver, Line
from simulator.platforms.settings import PlatformSettings
from simulator.platforms.skype_actions import Done, Recording, SkypeActions
from simulator.script import Script

USER_AGENT: Final = "Microsoft-Skype/3.0,(Calling/1.0)"
JSON_TYPE: Final = "application/json; charset=utf-8"
AUDIO_TYPES: Final = {
    RecordingFormat.WMA: "audio/x-ms-wma",
    RecordingFormat.WAV: "audio/wav",
    RecordingFormat.MP3: "audio/mpeg",
}


@dataclass(frozen=True)
class Ids:
    """The ids of a call, all derived from its seed."""

    chain: str
    call: str
    random: Random

    @classmethod
    def from_seed(cls, seed: int) -> "Ids":
        """The ids of the call with this seed."""
        random = Random(seed)  # noqa: S311
        chain = UUID(int=random.getrandbits(128), version=4)
        return cls(str(chain), chain.hex, random)

    def next(self) -> str:
        """A new id."""
        return str(UUID(int=self.random.getrandbits(128), version=4))


class SkypeCall:
    """One call of a script's caller to the bot at `bot_url`.

    `recordings` keeps what was recorded; `faults` says, in sentences, what the bot did that ended or broke the call.
    """

    def __init__(
        self,
        script: Script,
        bot_url: str,
        *,
        line: Line,
        http: httpx.AsyncClient,
        seed: int,
        settings: PlatformSettings,
    ) -> None:
        self.recordings: list[Recording] = []
        self.faults: list[str] = []
        self.turns = 0
        self._script = script
        self._bot_url = bot_url
        self._line = line
        self._ledger: Ledger = line.ledger
        self._http = http
        self._seed = seed
        self._settings = settings
        self._ids = Ids.from_seed(seed)
        self._actions = SkypeActions(line, settings, http, transfer_fails=script.transfer_fails)
        self._callback: str | None = None
        self._app_state: str | None = None
        self._turns_at_once = 0
        self._last_turn_at = -1.0

    async def run(self) -> None:
        """Make the call, until it is over."""
        began = self._line.clock.now()
        self._ledger.add(
            "platform",
            "call.started",
            call_id=self._ids.call,
            chain_id=self._ids.chain,
            seed=self._seed,
            bot=self._bot_url,
            caller=self._script.caller.model_dump(),
        )
        reply = await self._post(self._bot_url, self._conversation().to_wire())
        while reply is not None:
            reply = await self._take(reply)
        self._line.hang_up("platform")
        self._ledger.add(
            "platform",
            "call.ended",
            by=self._line.over_by,
            seconds=round(self._line.clock.now() - began, 3),
            turns=self.turns,
            recordings=len(self.recordings),
        )

    def _conversation(self) -> Conversation:
        caller = self._script.caller
        return Conversation(
            id=self._ids.call,
            participants=[
                Participant(
                    identity=caller.identity, display_name=caller.name, language_id=caller.language, originator=True
                ),
                Participant(identity=self._settings.bot_identity, originator=False),
            ],
            is_multiparty=False,
            presented_modality_types=[ModalityType.AUDIO],
            call_state=CallState.INCOMING,
            links=self._links(),
        )

    def _links(self) -> dict[str, str]:
        return {"call": self._settings.call_link + self._ids.call}

    async def _take(self, body: bytes) -> bytes | None:
        """Take the bot's reply: run its workflow and post the result. None when the call ends here."""
        if not body.strip():
            return await self._idle()
        try:
            data = _json(body)
            self._aim(data)
            workflow = self._read(data)
        except ContractViolation as violation:
            self._violated(violation)
            if self._loops():
                return None
            return await self._post_result(self._invalid(violation))
        self._callback = workflow.links.callback if workflow.links is not None else None
        self._app_state = workflow.app_state
        self.turns += 1
        if self._too_many() or self._loops():
            return None
        done = await self._run(workflow)
        if done.recording is not None:
            self.recordings.append(done.recording)
        return await self._post_result(done) if self._callback is not None else None

    async def _run(self, workflow: Workflow) -> Done:
        for action in workflow.actions:
            done = await self._actions.run(action)
            if not done.outcome.succeeded:
                break
        return done

    def _read(self, data: Any) -> Workflow:
        workflow = Workflow.from_wire(data)
        rules.check_workflow(workflow, loopback_http=True)
        if self.turns == 0 and workflow.actions[0].action not in ("answer", "reject"):
            raise ContractViolation(
                "FIRST_ACTION",
                f"the first workflow of a call begins with {workflow.actions[0].action}",
                field="actions.0",
                fix="answer or reject the call first",
            )
        return workflow

    def _aim(self, data: Any) -> None:
        """Remember where the outcome of an illegal workflow goes, as far as the workflow says it legally."""
        if isinstance(data, dict):
            state = data.get("appState")
            if isinstance(state, str) and len(state) <= rules.APP_STATE_MAX:
                self._app_state = state
