"""Calls that have to be the same on every channel, and how they are on the Skype wire."""

from dataclasses import replace

from aiohttp import web

from bots import reception
from dialtone import Call, CallBot
from functions.skype_turn import SkypeTurns
from simulator.call import place_call
from simulator.clock import VirtualClock
from simulator.ledger import Event
from simulator.platforms.settings import PlatformSettings
from simulator.platforms.skype import Skype
from simulator.script import Script, read_script, read_script_file
from simulator.wire import open_wire
from tests.fakes import ROOT
from tests.functions.issuer import serving
from tests.functions.rig import Rig

RECEPTION = ROOT / "simulator" / "scripts" / "reception"
LEAVE = RECEPTION / "leave-a-message.yaml"


def either(agent: str) -> CallBot:
    """A bot with all that two channels have; it transfers to `agent`."""
    bot = CallBot()

    @bot.incoming
    async def answer(call: Call) -> None:
        call.say("Welcome.")
        choice = await call.choose("Sales or message?", {"sales": ("1", "sales"), "message": ("2", "message")})
        number = await call.digits("Your number, please.", maximum=4)
        call.say(f"You chose {choice} and {number}.")
        if choice == "sales" and not await call.transfer(agent):
            call.say("Nobody is there.")
        recorded = await call.record("Speak.", stop_tones="#")
        call.say("Saved." if recorded else "Nothing was saved.")

    return bot


def script(steps: str, more: str = "") -> Script:
    return read_script(f"name: test\n{more}steps:\n{steps}")


def stories(bot: CallBot) -> dict[str, tuple[CallBot, Script]]:
    """By their names the bot that is rung, this one or the reception, and who rings."""
    return {
        "leave a message": (reception.bot, read_script_file(LEAVE)),
        "silence": (reception.bot, script("  - wait: 60\n")),
        "a wrong key, then a right one": (
            reception.bot,
            script(
                '  - hear: press\n  - press: "9"\n  - hear: press\n  - press: "2"\n  - hear: tone\n  - hang_up: true\n'
            ),
        ),
        "a transfer that fails, silence after speech": (
            bot,
            script(
                '  - hear: Sales\n  - press: "1"\n  - hear: number\n  - press: "12"\n  - hear: Speak\n'
                "  - speak: Hello.\n",
                "transfer_fails: true\n",
            ),
        ),
        "hanging up while speaking": (
            bot,
            script(
                '  - hear: Sales\n  - press: "2"\n  - hear: number\n  - press: "12"\n  - hear: Speak\n'
                "  - speak: Hello.\n  - hang_up: true\n"
            ),
        ),
    }


async def on_skype(bot: CallBot, read: Script) -> list[Event]:
    rig = Rig(bot)

    async def serve(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = await turns.callback(headers, await request.read())
        return web.Response(status=reply.status, body=reply.body)

    async with serving(serve) as url, open_wire() as wire:
        turns = SkypeTurns(bot, rig.storage, replace(rig.settings, public_url=url))
        platform = Skype(PlatformSettings(request_timeout_s=30))
        report = await place_call(read, f"{url}/api/calls", clock=VirtualClock(), wire=wire, seed=7, platform=platform)
    return report.events
