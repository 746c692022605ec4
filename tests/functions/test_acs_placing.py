"""Calls that a bot on ACS places: from a dialog and from a request, once each, and what is refused."""

import json
from typing import Any

import azure.functions as func
import pytest

from dialtone import ActionFailed, Call, CallBot
from simulator.platforms.acs_settings import AcsSettings
from simulator.script import read_script
from tests.functions.acs_rig import HANDLERS, SECRET, AcsRig, bot_on_acs

NUMBER = "4:+15550199"
CALLEE = "4:+15550100"
TAKES = 'name: takes it\nsteps:\n  - hear: Hello\n  - press: "1"\n  - hear: Thank you\n'


def calls_back() -> tuple[CallBot, list[str]]:
    told: list[str] = []
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        for target in (CALLEE, "8:nora"):
            try:
                told.append(await call.place(target, name="Nora"))
            except ActionFailed as error:
                told.append(error.reason)
        call.say("We call you back.")

    @bot.outgoing
    async def called(call: Call, name: str) -> None:
        told.append(call.user.identity)
        choice = await call.choose(f"Hello, {name}. Press 1.", {"yes": "1"})
        call.say(f"Thank you: {choice}.")

    return bot, told


async def answered(acs: AcsRig) -> list[str]:
    """What whoever was called has heard, once the calls that the bot placed are over."""
    calls = [call for call in acs.resource.calls.values() if not call.is_incoming]
    for task in list(acs.resource._tasks):
        await task
    return [event["text"] for call in calls for event in call.line.ledger.of_kind("heard")]


async def test_a_dialog_calls_somebody_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bot, told = calls_back()
    async with bot_on_acs(bot, monkeypatch, AcsSettings(duplicate=1.0), source=NUMBER, sockets=False) as acs:
        acs.resource.callees[CALLEE] = read_script(TAKES)
        report = await acs.ring("  - hear: call you back\n")
        assert report.ok, report.reasons
        assert await answered(acs) == ["Hello, Nora. Press 1.", "Thank you: yes."]
        assert [name for name, _, _ in acs.resource.requests].count("create") == 1
        listed = await acs.rig.storage.calls.calls_of_day("20231114")
    placed = next(each for each in told if each.startswith("placed-"))
    assert {record.call_id: record.outcome for record in listed}[placed] == "completed"
    assert any("ACS does not call 8:" in each for each in told)
    assert CALLEE in told


async def ask(body: Any, key: str | None = SECRET, repeat: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    headers |= {"Idempotency-Key": repeat} if repeat else {}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = await HANDLERS["acs_calls"](
        func.HttpRequest("POST", "https://bot.test/api/acs/calls", headers=headers, route_params={}, body=content)
    )
    return reply.status_code, json.loads(reply.get_body())


async def test_a_request_calls_somebody_once_for_each_key(monkeypatch: pytest.MonkeyPatch) -> None:
    bot, told = calls_back()
    async with bot_on_acs(bot, monkeypatch, auth="jwt", source=NUMBER, sockets=False) as acs:
        acs.resource.callees[CALLEE] = read_script(TAKES)
        wanted = {"target": CALLEE, "args": {"name": "Omar"}}
        replies = [await ask(wanted, repeat="order-7") for _ in range(2)]
        assert replies[0] == replies[1]
        assert replies[0][0] == 202
        assert await answered(acs) == ["Hello, Omar. Press 1.", "Thank you: yes."]
        assert set(told) == {CALLEE}
        for key in (None, "", "wrong"):
            assert (await ask(wanted, key=key))[0] == 401
        wrong: list[Any] = [b"{", [], {"target": ""}, {"target": CALLEE, "args": []}, {"target": CALLEE, "more": 1}]
        assert [(await ask(body))[0] for body in wrong] == [400] * 5
        status, refused = await ask({"target": "8:nora"})
        assert (status, refused["error"]["code"]) == (400, "CHANNEL_CANNOT")


@pytest.mark.parametrize("fate", ["busy", "declined", "absent"])
async def test_who_does_not_answer_gets_no_dialog(fate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bot, told = calls_back()
    simulated = AcsSettings(answers={CALLEE: fate})
    async with bot_on_acs(bot, monkeypatch, simulated, auth="jwt", source=NUMBER, sockets=False) as acs:
        assert (await ask({"target": CALLEE, "args": {"name": "Omar"}}))[0] == 202
        assert await answered(acs) == []
        assert {status for _, status in acs.statuses} == {200}
    assert told == []


async def test_a_teams_account_calls_too(monkeypatch: pytest.MonkeyPatch) -> None:
    bot, _ = calls_back()
    account = "28:orgid:11111111-2222-4333-8444-555555555555"
    async with bot_on_acs(bot, monkeypatch, auth="jwt", source=account, sockets=False) as acs:
        assert (await ask({"target": CALLEE, "args": {"name": "Omar"}}))[0] == 202
        (create,) = [request for name, request, _ in acs.resource.requests if name == "create"]
    assert json.loads(create.body)["teamsAppSource"] == {"appId": account.removeprefix("28:orgid:")}
    assert "sourceCallerIdNumber" not in json.loads(create.body)
