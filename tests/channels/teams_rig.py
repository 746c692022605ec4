"""What the tests of the Teams channel share."""

import json
from collections.abc import Sequence
from typing import Any

from dialtone.channels import teams
from dialtone.channels.stepper import Finished, Found, Send, after
from dialtone.channels.teams import Notice
from dialtone.channels.teams_commands import Setup
from dialtone.channels.teams_outcomes import of_keys, of_notice, of_reply
from dialtone.channels.teams_steps import TeamsStep, steps_of
from dialtone.protocol import Action, ConversationResult

SETUP = Setup(
    callback="https://bot.test/api/teams/callbacks/ticket",
    sounds="https://bot.test/api/teams/sounds/",
    spoken="https://bot.test/api/teams/spoken/ticket/",
    tenant="t1",
    app="app1",
)


def notice(change: str = "updated", part: str = "", **data: Any) -> Notice:
    """A notice as the platform would post it; `part` is what comes behind the call's address."""
    kind = data.pop("kind", "call")
    content = {"@odata.type": f"#microsoft.graph.{kind}", **data}
    value = {"changeType": change, "resourceUrl": f"/communications/calls/g1{part}", "resourceData": content}
    ((read,), unreadable) = teams.parse(json.dumps({"value": [value]}).encode())
    assert not unreadable
    return read


def operation(kind: str, *, status: str = "completed", sub_code: int = 0, **data: Any) -> Notice:
    """The notice of an operation that is over."""
    result = {"code": 400 if status == "failed" else 200, "subcode": sub_code}
    return notice("deleted", "/operations/o1", kind=kind, status=status, resultInfo=result, **data)


class Walk:
    """A workflow that is stepped by hand: what is sent, the keys that came, and the result at last."""

    def __init__(self, *actions: Action) -> None:
        self.steps: Sequence[TeamsStep] = steps_of(actions, 3, SETUP)
        self.position, self.kept, self.keys = 0, dict[str, Any](), ""
        self.sent = [self.steps[0].operation]
        self.result: ConversationResult | None = None

    @property
    def step(self) -> TeamsStep:
        return self.steps[self.position]

    @property
    def played(self) -> list[str]:
        """Names of the files of the step."""
        prompts = (self.step.body or {}).get("prompts", [])
        return [each["mediaInfo"]["uri"].rpartition("/")[2] for each in prompts]

    def take(self, found: Found | None) -> None:
        """Go on as long as replies say how it went."""
        while found is not None:
            following = after("g1", self.steps, self.position, found, self.kept)
            if isinstance(following, Finished):
                self.result = following.result
                return
            assert isinstance(following, Send)
            self.position, self.kept = following.position, dict(following.kept)
            self.sent.append(self.step.operation)
            reply = {"status": "running" if self.step.operation in ("playPrompt", "recordResponse") else "completed"}
            found = of_reply(self.steps, self.position, reply, self.kept)
            if found is None:
                found = of_keys(self.steps, self.position, self.keys)

    def happen(self, happened: Notice) -> None:
        """A notice comes."""
        self.take(of_notice(self.steps, self.position, happened, self.kept, self.keys))

    def press(self, keys: str) -> None:
        """Keys come, at once."""
        self.keys += keys if self.position >= self.step.listens else ""
        self.take(of_keys(self.steps, self.position, self.keys))

    def end(self) -> None:
        """What is played ends."""
        self.happen(operation("playPromptOperation"))
