"""Faults on the way, over a real socket: what the bot gets, what the platform makes of it, and what the ledger says."""

from typing import Any

import pytest

from simulator.call import CallReport, place_call
from simulator.clock import VirtualClock
from simulator.issuer import Issuer
from simulator.platforms.skype import Skype
from simulator.script import ScriptError, read_script
from simulator.wire import open_wire
from tests.functions.issuer import APP_ID, rsa_key
from tests.simulator.fake_bot import ANSWER, HANGUP, FakeBot, Json, choose, of_kind, say, verdict

STEPS = 'steps:\n  - hear: Which\n  - press: "1"\n  - hear: Thank'
ID = "X-Microsoft-Skype-Message-ID"


class Household:
    """Notes what it is asked, and puts it where the bot sees it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.up = True

    async def kill(self) -> None:
        self.asked.append("kill")

    async def storage(self, *, up: bool) -> None:
        self.up = up
        self.asked.append("up" if up else "down")

    async def sweep(self) -> None:
        self.asked.append("sweep")


def steady(bot: FakeBot, household: Household | None = None) -> Any:
    """A bot that knows a message that it had before, and gives its reply again; 503 while storage is down."""
    turns: list[list[Json]] = [[ANSWER, choose("Which?")], [say("Thank you.")], [HANGUP]]
    kept: dict[str, Any] = {}

    def reply(_: Json) -> Any:
        if household is not None and not household.up:
            return 503
        message = bot.last.headers[ID]
        if message not in kept:
            number = len(kept)
            kept[message] = bot.workflow(*turns[number], app_state=f"{number}") if number < len(turns) else None
        return kept[message]

    return reply


async def ring(bot: FakeBot, *faults: str, household: Household | None = None, reply: Any = None) -> CallReport:
    bot.replies = [reply or steady(bot, household)] * 30
    plan = f"[{', '.join(faults)}]"
    script = read_script(f"name: x\nfaults: {plan}\n{STEPS}\nexpect: {{ended_by: bot, turns: 3}}")
    issuer = Issuer(rsa_key("first"), APP_ID)
    async with open_wire() as wire:
        clock = VirtualClock()
        return await place_call(
            script, f"{bot.url}/call", clock=clock, wire=wire, seed=1, house=household, platform=Skype(issuer=issuer)
        )


def attempts(report: CallReport) -> list[tuple[float, int, str | None]]:
    """Time, attempt and fault of each request of the call's second message."""
    second = of_kind(report, "http.request")[0]["message_id"]
    second = next(event["message_id"] for event in of_kind(report, "http.request") if event["message_id"] != second)
    requests = [event for event in of_kind(report, "http.request") if event["message_id"] == second]
    began = requests[0]["t"]
    return [(round(event["t"] - began, 3), event["attempt"], event.get("fault")) for event in requests]


async def test_copies_arrive_at_the_same_time(bot: FakeBot) -> None:
    report = await ring(bot, "{duplicate: 3, at: 1}")
    assert verdict(report) == []
    assert attempts(report) == [(0, 1, None), *[(0, 1, "duplicate")] * 3]
    assert len({request.headers[ID] for request in bot.requests}) == 4
    assert len(bot.requests) == 7


async def test_a_copy_arrives_after_later_requests(bot: FakeBot) -> None:
    report = await ring(bot, "{reorder: 2, at: 0}", "{reorder: 9, at: 3}")
    assert verdict(report) == []
    ids = [request.headers[ID] for request in bot.requests]
    assert ids[3] == ids[0]
    assert ids[5] == ids[4]
    assert len(set(ids)) == 4


async def test_a_request_is_delayed(bot: FakeBot) -> None:
    calm, late = await ring(bot), await ring(bot, "{delay: 3, at: 1}")
    assert verdict(late) == []
    seconds = [of_kind(report, "call.ended")[0]["seconds"] for report in (calm, late)]
    assert seconds[1] == seconds[0] + 3


async def test_a_request_is_lost(bot: FakeBot) -> None:
    report = await ring(bot, "{drop: 2, at: 1}")
    assert verdict(report) == []
    assert attempts(report) == [(0, 1, "drop"), (11, 2, "drop"), (22, 3, None)]
    assert len(bot.requests) == 4


async def test_a_reply_is_lost(bot: FakeBot) -> None:
    report = await ring(bot, "{drop_reply: 1, at: 1}")
    assert verdict(report) == []
    assert attempts(report) == [(0, 1, None), (11, 2, None)]
    assert len(bot.requests) == 5
    lost = [event for event in of_kind(report, "http.reply") if event.get("fault") == "drop_reply"]
    assert [event["status"] for event in lost] == [200]


@pytest.mark.parametrize(("seconds", "tried"), [(4, [(0, 1, None)]), (15, [(0, 1, None), (11, 2, None)])])
async def test_a_reply_takes_long(bot: FakeBot, seconds: int, tried: list[Any]) -> None:
    report = await ring(bot, f"{{slow: {seconds}, at: 1}}")
    assert verdict(report) == []
    assert attempts(report) == tried


async def test_storage_answers_503(bot: FakeBot) -> None:
    household = Household()
    report = await ring(bot, "{storage: 2, at: 1}", household=household)
    assert verdict(report) == []
    assert household.asked == ["down", "up"] * 2
    assert [event["status"] for event in of_kind(report, "http.reply")] == [200, 503, 503, 200, 200, 200]


@pytest.mark.parametrize(("when", "requests"), [("before", 4), ("after", 5)])
async def test_the_host_is_killed(bot: FakeBot, when: str, requests: int) -> None:
    household = Household()
    report = await ring(bot, f"{{kill: {when}, at: 1}}", household=household)
    assert verdict(report) == []
    assert household.asked == ["kill"]
    assert len(bot.requests) == requests


@pytest.mark.parametrize("kind", ["missing", "signature"])
async def test_a_wrong_token_comes_first(bot: FakeBot, kind: str) -> None:
    good = steady(bot)
    token = Issuer(rsa_key("first"), APP_ID).token().split(".")[0]

    def guarded(message: Json) -> Any:
        known = bot.last.headers.get("Authorization", "")
        if not known.startswith(f"Bearer {token}") or (kind == "signature" and len(bot.requests) == 2):
            return 401
        return good(message)

    report = await ring(bot, f"{{bad_token: {kind}, at: 1}}", reply=guarded)
    assert verdict(report) == []
    assert [event["status"] for event in of_kind(report, "http.reply")] == [200, 401, 200, 200, 200]
    careless = await ring(bot, f"{{bad_token: {kind}, at: 1}}")
    assert f"TOKEN_TAKEN Authorization: a request with a wrong token ({kind})" in verdict(careless)[0]


async def test_a_clock_is_wrong(bot: FakeBot) -> None:
    report = await ring(bot, "{skew: 240, at: 1}")
    assert verdict(report) == []
    tokens = [request.headers["Authorization"] for request in bot.requests]
    assert tokens[0] == tokens[2]
    assert tokens[1] != tokens[0]


async def test_the_caller_is_lost(bot: FakeBot) -> None:
    report = await ring(bot, "{lost_caller: true, at: 1}")
    assert of_kind(report, "call.ended")[0]["by"] == "caller"
    assert bot.last.json["callState"] == "terminated"
    assert [event["fault"] for event in of_kind(report, "fault")] == ["lost_caller"]


@pytest.mark.parametrize("swept", [True, False])
async def test_a_callback_never_comes(bot: FakeBot, swept: bool) -> None:
    """A bot that has ended the call has nothing to do when it comes after all."""
    household = Household()
    give = steady(bot, household)
    report = await ring(
        bot,
        "{no_callback: true, at: 1}",
        household=household,
        reply=lambda message: None if swept and household.asked else give(message),
    )
    assert household.asked == ["sweep"]
    assert len(bot.requests) == 2
    assert bot.last.json["callState"] == "established"
    assert of_kind(report, "call.ended")[0]["by"] == "platform"
    assert [event["code"] for event in of_kind(report, "violation")] == ([] if swept else ["NOT_SWEPT"])


async def test_a_call_that_never_comes_is_no_call(bot: FakeBot) -> None:
    report = await ring(bot, "{no_callback: true, at: 0}", household=Household())
    assert (bot.requests, of_kind(report, "violation")) == ([], [])


async def test_two_replies_to_one_message_are_a_violation(bot: FakeBot) -> None:
    replies = iter([[ANSWER, choose("Which?")], [say("Thank you.")], [say("Thank you."), HANGUP], [HANGUP]])
    report = await ring(bot, "{duplicate: 1, at: 1}", reply=lambda _: next(replies, None))
    assert "REPLY_DIFFERS" in verdict(report)[-1]
    assert {"200 with playPrompt", "200 with playPrompt, hangup"} <= {
        part for event in of_kind(report, "violation") for part in event["message"].split(": ")[1].split(", and then ")
    }


async def test_the_same_faults_give_the_same_bytes(bot: FakeBot) -> None:
    faults = ("{duplicate: 4, at: 1}", "{reorder: 1, at: 0}", "{drop_reply: 1, at: 2}", "{skew: -60, at: 2}")
    assert (await ring(bot, *faults)).events == (await ring(bot, *faults)).events


@pytest.mark.parametrize(("fault", "needs"), [("kill=after@1", "whoever runs"), ("bad_token=missing@0", "--jwt")])
async def test_a_fault_that_cannot_be_had(bot: FakeBot, fault: str, needs: str) -> None:
    verb, _, value = fault.partition("@")[0].partition("=")
    script = read_script(f"name: x\nfaults: [{{{verb}: {value}, at: 1}}]\nsteps: [{{wait: 1}}]")
    async with open_wire() as wire:
        with pytest.raises(ScriptError, match=needs):
            await place_call(script, bot.url, clock=VirtualClock(), wire=wire)


async def test_a_fault_that_did_not_happen_is_said(bot: FakeBot) -> None:
    report = await ring(bot, "{drop: 1, at: 1}", "{drop: 1, at: 9}")
    assert verdict(report) == ["the fault drop=1@9 did not happen: the call had 4 requests"]
