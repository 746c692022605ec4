"""The wire: requests, retries, illegal workflows, and how a call ends."""

import json
from typing import Any

import pytest

from dialtone.protocol import Conversation, ConversationResult, RosterUpdate, rules
from dialtone.protocol.notifications import read_notification
from simulator.platforms.settings import PlatformSettings
from tests.simulator.fake_bot import (
    ANSWER,
    HANGUP,
    REJECT,
    SLOW,
    FakeBot,
    Json,
    Reply,
    choose,
    of_kind,
    record,
    ring,
    say,
    verdict,
)

PATIENT = "  - wait: 60"


async def test_the_first_request(bot: FakeBot) -> None:
    bot.replies = [[REJECT]]
    report = await ring(bot, f'{PATIENT}\ncaller: {{identity: "8:nora", name: Nora, language: de-DE}}')
    first, second = bot.requests
    started = of_kind(report, "call.started")[0]
    assert {name: first.headers[name] for name in ("Accept", "User-Agent", "Content-Type")} == {
        "Accept": "application/json",
        "User-Agent": "Microsoft-Skype/3.0,(Calling/1.0)",
        "Content-Type": "application/json; charset=utf-8",
    }
    assert first.headers["X-Microsoft-Skype-Chain-ID"] == started["chain_id"]
    assert second.headers["X-Microsoft-Skype-Chain-ID"] == started["chain_id"]
    ids = [request.headers["X-Microsoft-Skype-Message-ID"] for request in bot.requests]
    assert len(set(ids)) == 2
    assert first.json == {
        "id": started["chain_id"].replace("-", ""),
        "participants": [
            {"identity": "8:nora", "displayName": "Nora", "languageId": "de-DE", "originator": True},
            {"identity": "28:simulated-bot", "originator": False},
        ],
        "isMultiparty": False,
        "presentedModalityTypes": ["audio"],
        "callState": "incoming",
        "links": {"call": f"https://simulator.invalid/platform/v1/calls/{started['call_id']}"},
    }


async def test_every_message_keeps_the_contract(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, say("Hello.")], [choose("Which?")], [record("Speak.")], {"actions": []}, [HANGUP]]
    await ring(bot, '  - hear: Which\n  - press: "2"\n  - hear: Speak\n  - speak: Hello.')
    rules.check_conversation(Conversation.from_wire(bot.requests[0].json))
    assert len(bot.requests) == 6
    for request in bot.requests[1:]:
        rules.check_result(ConversationResult.from_wire(request.json))


@pytest.mark.parametrize("app_state", ["plain", "", '  v1.é\u2028"\\\U0001f4de/+=  ', "x" * 1024, None])
async def test_app_state_comes_back_as_it_was(bot: FakeBot, app_state: str | None) -> None:
    bot.replies = [bot.workflow(ANSWER, app_state=app_state), bot.workflow(HANGUP, app_state="other")]
    await ring(bot, PATIENT)
    assert bot.requests[1].json.get("appState") == app_state
    assert bot.requests[2].json["appState"] == "other"


async def test_a_reject_ends_the_call(bot: FakeBot) -> None:
    bot.replies = [[REJECT]]
    report = await ring(bot, f"{PATIENT}\nexpect: {{ended_by: bot, turns: 1}}")
    assert report.ok
    assert bot.last.outcome == {"type": "rejectOutcome", "id": "r", "outcome": "success"}
    assert bot.last.json["callState"] == "terminated"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("not JSON", "NOT_JSON"),
        ("[" * 100_000, "NOT_JSON"),
        ("null", "WRONG_TYPE"),
        ({"no": "actions"}, "MISSING:actions"),
        ([], "ACTIONS_EMPTY"),
        ([say("Hello.")], "FIRST_ACTION"),
        ([HANGUP], "FIRST_ACTION"),
        ([ANSWER, HANGUP, say("Hello.")], "ACTION_ORDER"),
        ([ANSWER, {"operationId": "p", "action": "dance"}], "ACTION_UNSUPPORTED"),
        ([ANSWER | {"action": "Answer"}], "ACTION_NAME"),
        ({"actions": [ANSWER], "links": {"callback": "http://bot.example/call"}}, "CALLBACK_NOT_HTTPS"),
        ({"actions": [ANSWER], "links": {"callback": "/call"}}, "CALLBACK_NOT_ABSOLUTE"),
        ({"actions": [ANSWER], "appState": "x" * 1025}, "APPSTATE_TOO_LONG"),
    ],
)
async def test_an_illegal_workflow_runs_nothing(bot: FakeBot, reply: Reply, code: str) -> None:
    bot.replies = [reply, [ANSWER, HANGUP]]
    report = await ring(bot, PATIENT)
    assert bot.outcomes[0]["type"] == "worfklowValidationOutcome"
    assert bot.outcomes[0]["outcome"] == "failure"
    assert bot.outcomes[0]["id"]
    assert code in bot.outcomes[0]["failureReason"]
    assert bot.requests[1].json["callState"] == "incoming"
    (violation,) = of_kind(report, "violation")
    assert (violation["who"], violation["code"]) == ("bot", code)
    assert all(violation[member] for member in ("message", "fix") if code != "ACTION_UNSUPPORTED")
    assert of_kind(report, "call.ended")[0]["turns"] == 1
    assert [code in reason for reason in verdict(report)] == [True]


async def test_an_illegal_workflow_keeps_what_is_legal_of_it(bot: FakeBot) -> None:
    elsewhere = {"callback": f"{bot.url}/call?elsewhere=1"}
    bot.replies = [
        bot.workflow(ANSWER, app_state="first"),
        {"actions": [], "links": elsewhere, "appState": "x" * 1025},
        {"actions": [], "links": {"callback": "ftp://x"}, "appState": "third"},
        [HANGUP],
    ]
    report = await ring(bot, PATIENT)
    urls = [event["url"] for event in of_kind(report, "http.request")]
    assert urls[1:4] == ["http://bot/call", "http://bot/call?elsewhere=1", "http://bot/call?elsewhere=1"]
    assert [request.json["appState"] for request in bot.requests[1:4]] == ["first", "first", "third"]
    assert {request.json["callState"] for request in bot.requests[2:4]} == {"established"}


async def test_after_an_illegal_workflow_a_bot_may_hang_up(bot: FakeBot) -> None:
    bot.replies = ["null", [HANGUP]]
    report = await ring(bot, PATIENT)
    assert of_kind(report, "call.ended")[0]["by"] == "bot"
    assert len(bot.requests) == 3


async def test_the_spelling_of_the_validation_outcome_is_a_setting(bot: FakeBot) -> None:
    bot.replies = [{"actions": []}]
    settings = PlatformSettings(validation_outcome="workflowValidationOutcome", idle_timeout_s=1)
    await ring(bot, PATIENT, settings)
    assert bot.last.outcome["type"] == "workflowValidationOutcome"


async def test_a_request_is_tried_again_with_its_message_id(bot: FakeBot) -> None:
    bot.replies = [[ANSWER], 500, 503, [HANGUP]]
    report = await ring(bot, PATIENT)
    assert verdict(report) == []
    ids = [request.headers["X-Microsoft-Skype-Message-ID"] for request in bot.requests]
    assert (ids[1], ids[2]) == (ids[2], ids[3])
    assert len(set(ids)) == 3
    assert bot.requests[1].body == bot.requests[3].body
    sent = of_kind(report, "http.request")
    assert [(event["attempt"], event["t"]) for event in sent] == [(1, 0), (1, 0), (2, 1), (3, 2), (1, 2)]
    assert [event["status"] for event in of_kind(report, "http.reply")] == [200, 500, 503, 200, 200]


async def test_a_reply_that_is_late_is_no_reply(bot: FakeBot) -> None:
    bot.replies = [SLOW, [REJECT]]
    report = await ring(bot, PATIENT, PlatformSettings(request_timeout_s=1.0))
    assert verdict(report) == []
    assert [event.get("error") for event in of_kind(report, "http.reply")] == ["timeout", None, None]
    assert of_kind(report, "http.reply")[0]["status"] is None
    assert [event["attempt"] for event in of_kind(report, "http.request")] == [1, 2, 1]


async def test_when_the_tries_are_used_up_the_platform_hangs_up(bot: FakeBot) -> None:
    bot.replies = [[ANSWER], 500, 500, 500, 500]
    report = await ring(bot, PATIENT)
    assert len(bot.requests) == 5
    assert of_kind(report, "call.ended")[0]["by"] == "platform"
    assert verdict(report) == ["the bot answered with status 500 (attempt 4)"]
    bot.replies = [[ANSWER], 500, 500, 500, 500]
    assert verdict(await ring(bot, f"{PATIENT}\nexpect: {{ended_by: platform}}")) == []


async def test_a_bot_that_is_not_there(bot: FakeBot) -> None:
    bot.url = "http://127.0.0.1:1"
    report = await ring(bot, PATIENT)
    assert [event["error"] for event in of_kind(report, "http.reply")] == ["unreachable"] * 4
    assert verdict(report) == ["the bot did not answer (attempt 4)"]


@pytest.mark.parametrize("status", [302, 400, 401, 404])
async def test_another_status_is_not_tried_again(bot: FakeBot, status: int) -> None:
    bot.replies = [status]
    report = await ring(bot, PATIENT)
    assert len(bot.requests) == 1
    assert of_kind(report, "call.ended")[0]["by"] == "platform"
    assert verdict(report) == [f"the bot answered with status {status} (attempt 1)"]


async def test_with_nothing_to_do_the_platform_waits_then_hangs_up(bot: FakeBot) -> None:
    bot.replies = [[ANSWER], None]
    report = await ring(bot, PATIENT)
    ended = of_kind(report, "call.ended")[0]
    assert (ended["by"], ended["seconds"], ended["turns"], ended["recordings"]) == ("platform", 30.0, 1, 0)
    assert verdict(report) == ["the bot gave nothing to do for 30 s"]


async def test_a_caller_may_hang_up_while_there_is_nothing_to_do(bot: FakeBot) -> None:
    bot.replies = [[ANSWER], None]
    report = await ring(bot, "  - wait: 3\n  - hang_up: true\nexpect: {ended_by: caller}")
    assert report.ok
    assert len(bot.requests) == 2


async def test_without_a_callback_the_list_is_run_and_the_platform_hangs_up(bot: FakeBot) -> None:
    bot.replies = [{"actions": [ANSWER, say("Hello."), say("Goodbye.")]}]
    report = await ring(bot, "  - hear: Goodbye\nexpect: {ended_by: platform}")
    assert report.ok
    assert len(bot.requests) == 1


@pytest.mark.parametrize("action", [say("A long prompt that nobody will hear to its end."), choose("Which?")])
async def test_when_the_caller_hangs_up_the_pending_action_is_reported(bot: FakeBot, action: Json) -> None:
    bot.replies = [[ANSWER, action, say("Not heard.")]]
    report = await ring(bot, "  - wait: 1\n  - hang_up: true\nexpect: {ended_by: caller}")
    assert report.ok
    assert (bot.last.json["callState"], bot.last.outcome["outcome"]) == ("terminated", "failure")
    assert bot.last.outcome["id"] == action["operationId"]


@pytest.mark.parametrize(("action", "outcome"), [(say("Too late."), "failure"), (HANGUP, "success")])
async def test_a_caller_may_hang_up_before_the_bot_replies(bot: FakeBot, action: Json, outcome: str) -> None:
    bot.replies = [[ANSWER], 500, [action]]
    report = await ring(bot, "  - wait: 0.5\n  - hang_up: true\nexpect: {ended_by: caller}")
    assert report.ok
    assert of_kind(report, "heard") == []
    assert (bot.last.json["callState"], bot.last.outcome["outcome"]) == ("terminated", outcome)


async def test_a_workflow_after_the_end_is_not_run(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, HANGUP], [say("Anyone?")]]
    report = await ring(bot, PATIENT)
    assert len(bot.requests) == 2
    assert [event["code"] for event in of_kind(report, "violation")] == ["WORKFLOW_AFTER_END"]
    assert not report.ok
    bot.replies = [[ANSWER, HANGUP], "{}"]
    assert (await ring(bot, PATIENT)).ok


async def test_a_call_has_a_longest_duration(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, record(maxDurationInSeconds=600, initialSilenceTimeoutInSeconds=30)]]
    report = await ring(bot, PATIENT, PlatformSettings(max_call_duration_s=10))
    assert of_kind(report, "call.ended")[0]["by"] == "platform"
    assert bot.last.json["callState"] == "terminated"
    assert bot.last.outcome["completionReason"] == "callTerminated"


async def test_the_number_of_workflows_may_be_limited(bot: FakeBot) -> None:
    bot.replies = [[ANSWER], [say("One.")], [say("Two.")], [say("Three.")]]
    report = await ring(bot, PATIENT, PlatformSettings(max_workflows=3))
    assert [event["text"] for event in of_kind(report, "heard")] == ["One.", "Two."]
    assert verdict(report) == ["a call may have 3 workflows"]


async def test_a_loop_that_takes_no_time_is_cut_off(bot: FakeBot) -> None:
    bot.replies = [[ANSWER] for _ in range(100)]
    report = await ring(bot, PATIENT)
    assert of_kind(report, "call.ended")[0]["by"] == "platform"
    assert verdict(report) == ["20 workflows in a row took no time at all"]


async def test_the_ledger_tells_the_wire(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, record(stopTones=["#"], recordingFormat="wav")], [HANGUP]]
    report = await ring(bot, '  - wait: 1\n  - speak: Hello.\n  - press: "#"')
    requests, replies = of_kind(report, "http.request"), of_kind(report, "http.reply")
    assert requests[0]["json"] == bot.requests[0].json
    assert requests[1]["json"] == bot.requests[1].json | {"appState": "<appState 1>"}
    assert [event["bytes"] for event in requests] == [0, len(bot.requests[1].audio or b""), 0]
    assert [event["status"] for event in replies] == [200, 200, 200]
    assert "json" not in replies[2]
    kept: dict[str, Any] = replies[1]["json"]
    assert kept["actions"] == [HANGUP]
    assert json.dumps(report.events)


def subscribed(bot: FakeBot, *actions: Json) -> Json:
    """A workflow that asks for notifications."""
    links = {"callback": f"{bot.url}/call", "notification": f"{bot.url}/call?about=call"}
    subscriptions = ["callStateChange", "rosterUpdate"]
    return {"actions": list(actions), "links": links, "notificationSubscriptions": subscriptions}


async def test_notifications_go_to_whoever_subscribes(bot: FakeBot) -> None:
    bot.replies = [subscribed(bot, ANSWER, say("Hello.")), 202, subscribed(bot, HANGUP), None, 202]
    report = await ring(bot, PATIENT)
    assert verdict(report) == []
    call = of_kind(report, "call.started")[0]["call_id"]
    told = [request.json for request in bot.requests if "type" in request.json]
    assert told == [
        {"id": call, "type": "callStateChange", "currentState": state, "stateChangeCode": "0"}
        for state in ("established", "terminated")
    ]
    urls = [event["url"] for event in of_kind(report, "http.request") if "type" in event["json"]]
    assert urls == ["http://bot/call?about=call"] * 2
    assert "type" in bot.last.json
    for notification in told:
        rules.check_notification(read_notification(notification))


async def test_a_group_call_has_a_roster(bot: FakeBot) -> None:
    bot.replies = [subscribed(bot, ANSWER, HANGUP), 202, 202, None, 202]
    report = await ring(bot, f'{PATIENT}\nothers: ["8:omar", "8:ines"]')
    assert verdict(report) == []
    first = bot.requests[0].json
    rules.check_conversation(Conversation.from_wire(first))
    assert (first["isMultiparty"], first["threadId"]) == (True, f"19:{first['id']}@thread.skype")
    assert [each["identity"] for each in first["participants"]] == ["8:caller", "8:omar", "8:ines", "28:simulated-bot"]
    roster = read_notification(bot.requests[2].json)
    rules.check_notification(roster)
    assert isinstance(roster, RosterUpdate)
    assert roster.identities == ("8:caller", "8:omar", "8:ines", "28:simulated-bot")


async def test_a_notification_that_is_refused(bot: FakeBot) -> None:
    bot.replies = [subscribed(bot, ANSWER, HANGUP), 403, None, 202]
    report = await ring(bot, PATIENT)
    assert verdict(report) == ["the bot answered with status 403 (attempt 1)"]
    assert of_kind(report, "call.ended")[0]["by"] == "bot"
