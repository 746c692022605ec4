"""Commands in the journal: who sends one, and who looks before."""

import asyncio
from time import monotonic

import pytest

from bots import hello
from dialtone.channels.stepper import Step
from dialtone.protocol import Hangup
from dialtone.storage import TurnRow
from functions.commands import LONG_AGO, At, Claimed, Commands
from functions.platform_client import Taken
from functions.vault import CallVault
from tests.functions.rig import Rig

ROW = TurnRow("call", 0, "m", "conversation", "[]", False, b"{}", "application/json", 200, 1.0, False, "")


@pytest.fixture
def rig() -> Rig:
    return Rig(hello.bot)


class Journal(Commands):
    """The commands of a bot, with a lease that a test can wait for. `sends` counts what reached the platform."""

    sends = 0

    async def once(self, claimed: Claimed) -> Taken:
        """Send the command unless it was."""

        async def send(_: At) -> Taken:
            type(self).sends += 1
            return Taken({"send": type(self).sends})

        step = Step(Hangup(operation_id="h"), "hangUp")
        return await self.sent(At(ROW, [step], 0, {}, "m", 1.0, "connection"), send, claimed)


def journal(rig: Rig, lease: float = 0.2) -> Journal:
    Journal.sends = 0

    def vault(call_id: str) -> CallVault:
        return CallVault([bytes(32)], call_id)

    return Journal(rig.storage, vault, lambda: rig.now, lease)


async def test_who_has_just_claimed_a_command_sends_it_without_a_look(rig: Rig) -> None:
    commands = journal(rig, lease=60)
    rig.backend.operations.clear()
    assert (await commands.once(monotonic())).body == {"send": 1}
    assert rig.backend.operations == ["insert calls"]


@pytest.mark.parametrize("claimed", [None, LONG_AGO])
async def test_what_was_sent_is_not_sent_again(rig: Rig, claimed: Claimed) -> None:
    """Also by who claimed it so long ago that another may have taken it for dead."""
    commands = journal(rig)
    await commands.once(monotonic())
    assert (await commands.once(claimed)).body == {"send": 1}


async def test_a_command_of_who_died_is_sent_when_its_time_is_over(rig: Rig) -> None:
    commands = journal(rig)
    began = monotonic()
    assert (await commands.once(None)).body == {"send": 1}
    assert monotonic() - began >= commands.lease


async def test_a_mark_that_comes_is_waited_for(rig: Rig) -> None:
    commands = journal(rig, lease=60)
    waiting = asyncio.create_task(commands.once(None))
    await asyncio.sleep(0)
    await commands.once(monotonic())
    assert (await waiting).body == {"send": 1}
    assert Journal.sends == 1


async def test_a_command_that_nobody_has_claimed_is_not_found(rig: Rig) -> None:
    commands = journal(rig)
    assert await commands.find("call", 0, 0) is None
    await rig.storage.calls.insert(ROW)
    assert await commands.find("call", 0, 0) == (ROW, {})
    assert await commands.find("call", 0, 1) is None
    at = At(ROW, [], 0, {}, "m", 1.0, "connection")
    assert await commands.claim(at, 1, {"digits": "42"}) is not None
    assert await commands.claim(at, 1, {"digits": "43"}) is None
    assert await commands.find("call", 0, 1) == (ROW, {"digits": "42"})
