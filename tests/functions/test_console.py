"""The console's functions: who is let in, and what they are given."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest

import functions.console as module
import functions.console_door as door
import functions.recordings as recordings
from bots.reception import bot
from functions.settings import Settings
from tests.functions.app import handler
from tests.functions.issuer import APP_ID, Issuer, an_issuer, token
from tests.functions.rig import HUNG_UP, RECORDED, SETTINGS, SILENCE, Rig, chose, conversation, result, with_audio
from tests.sounds import tone, wav

OWN = {"X-Dialtone-Console": "1"}
DAY = "20231114"
"""The day of the rig's clock."""


def use(monkeypatch: pytest.MonkeyPatch, rig: Rig, current: Settings) -> None:
    for each in (module, door):
        monkeypatch.setattr(each, "settings", lambda: current)
    for each in (module, recordings):
        monkeypatch.setattr(each, "turns", lambda: rig.turns)
    for cached in (recordings.keeper, door._tokens, module._policy):
        cached.cache_clear()


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig(bot)
    use(monkeypatch, made, replace(SETTINGS, console="loopback"))
    return made


async def ask(
    name: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: Any = None,
    url: str = "http://127.0.0.1:7071/api/console",
    **params: str,
) -> func.HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    request = func.HttpRequest(
        method=method, url=url, headers=OWN if headers is None else headers, params=params, body=data
    )
    answer: func.HttpResponse = await handler(name)(request)
    return answer


async def given(name: str, **more: Any) -> dict[str, Any]:
    answer = await ask(name, **more)
    assert answer.status_code == 200, answer.get_body()
    document: dict[str, Any] = json.loads(answer.get_body())
    return document


async def refused(name: str, **more: Any) -> tuple[int, str]:
    answer = await ask(name, **more)
    error = json.loads(answer.get_body())["error"]
    assert error["fix"]
    return answer.status_code, error["code"]


async def message(rig: Rig, call: str = "call-7") -> None:
    """A call that leaves a message."""
    first = await rig.post(conversation(call), message_id=f"{call}-0")
    again = await rig.post(result(first, SILENCE, call=call), message_id=f"{call}-1")
    asked = await rig.post(result(again, chose("message"), call=call), message_id=f"{call}-2")
    body, kind = with_audio(result(asked, RECORDED, call=call), tone(3.5))
    said = await rig.post(body, message_id=f"{call}-3", content_type=kind)
    await rig.post(result(said, HUNG_UP, call=call, state="terminated"), message_id=f"{call}-4")


class TestDoor:
    async def test_it_is_off_unless_it_is_configured(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        use(monkeypatch, rig, SETTINGS)
        for name in ("console", "console_pages", "console_session", "console_me", "console_calls", "console_upload"):
            assert await refused(name) == (404, "NOT_FOUND")

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-Dialtone-Console": "0"},
            OWN | {"Sec-Fetch-Site": "cross-site"},
            OWN | {"Sec-Fetch-Site": "same-site"},
        ],
    )
    async def test_another_page_is_refused(self, rig: Rig, headers: dict[str, str]) -> None:
        assert await refused("console_me", headers=headers) == (403, "CONSOLE_ORIGIN")
        assert rig.backend.operations == []

    @pytest.mark.parametrize("host", ["bot.azurewebsites.net", "evil.test", "192.168.0.7"])
    async def test_loopback_is_for_this_machine(self, rig: Rig, host: str) -> None:
        status, _ = await refused("console_me", url=f"http://{host}/api/console/api/me")
        assert status == 403

    async def test_loopback_is_never_in_azure(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEBSITE_INSTANCE_ID", "1")
        status, _ = await refused("console_me")
        assert status == 403

    async def test_pages_hold_nothing_and_may_do_little(self, rig: Rig) -> None:
        page = await ask("console", headers={})
        policy = page.headers["Content-Security-Policy"]
        assert page.mimetype.startswith("text/html")
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        for file in ("../settings.py", "console.py", "", "x.js"):
            request = func.HttpRequest(
                method="GET", url="http://127.0.0.1/api/console/pages/x", route_params={"file": file}, body=b""
            )
            assert (await handler("console_pages")(request)).status_code == 404


class TestEntra:
    @pytest.fixture
    async def issuer(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Issuer]:
        async with an_issuer() as issuer:
            current = replace(SETTINGS, auth="jwt", console="entra", console_app=APP_ID, console_authority=issuer.url)
            use(monkeypatch, rig, current)
            yield issuer

    async def me(self, **claims: Any) -> func.HttpResponse:
        return await ask("console_me", headers=OWN | {"Authorization": f"Bearer {token(**claims)}"})

    @pytest.mark.parametrize(("role", "may_write"), [("Console.Read", False), ("Console.Write", True)])
    async def test_a_role_lets_in(self, issuer: Issuer, role: str, may_write: bool) -> None:
        answer = await self.me(roles=[role], preferred_username="nora@contoso.com", oid="o-1")
        assert json.loads(answer.get_body()) == {"who": "nora@contoso.com (o-1)", "may_write": may_write}

    @pytest.mark.parametrize("roles", [None, [], ["Other"], "Console.Write", [1]])
    async def test_without_a_role_nobody_is_let_in(self, issuer: Issuer, roles: Any) -> None:
        answer = await self.me(oid="o-1", **({} if roles is None else {"roles": roles}))
        assert json.loads(answer.get_body())["error"]["code"] == "CONSOLE_ROLE"
        assert answer.status_code == 403

    @pytest.mark.parametrize("claims", [{"aud": "another"}, {"iss": "https://other.test"}, {"exp": 1}])
    async def test_a_token_that_proves_something_else(self, issuer: Issuer, claims: dict[str, Any]) -> None:
        assert (await self.me(roles=["Console.Read"], oid="o-1", **claims)).status_code == 403

    async def test_no_token_and_no_header_of_a_front_end_lets_in(self, issuer: Issuer) -> None:
        assert (await ask("console_me")).status_code == 401
        assert (await ask("console_me", headers=OWN | {"X-MS-CLIENT-PRINCIPAL": "e30="})).status_code == 401

    async def test_who_only_reads_changes_nothing(self, issuer: Issuer, rig: Rig) -> None:
        headers = OWN | {"Authorization": f"Bearer {token(roles=['Console.Read'], oid='o-1')}"}
        for name in ("console_upload", "console_rollback", "console_remove_prompt", "console_delete_recording"):
            assert await refused(name, headers=headers) == (403, "CONSOLE_ROLE")
        assert rig.backend.operations == []

    async def test_how_to_sign_in_is_told_before(self, issuer: Issuer) -> None:
        told = await given("console_session", headers={})
        assert told == {"mode": "entra", "authority": issuer.url, "app": APP_ID}


class TestCalls:
    async def test_calls_are_found_by_caller_outcome_and_time(self, rig: Rig) -> None:
        await message(rig)
        rig.now += 60
        await rig.post(conversation("call-8"), message_id="n0")
        both = await given("console_calls", day=DAY)
        assert [call["call_id"] for call in both["calls"]] == ["call-8", "call-7"]
        assert both["next"] == ""
        for asked, found in (
            ({"caller": "8:nora"}, ["call-8", "call-7"]),
            ({"caller": "8:omar"}, []),
            ({"caller": "8:nora", "outcome": "open"}, ["call-8"]),
            ({"outcome": "open"}, ["call-8"]),
            ({"day": DAY, "outcome": "completed"}, ["call-7"]),
            ({"day": DAY, "outcome": "lost"}, []),
            ({"day": DAY, "before": str(rig.now - 30)}, ["call-7"]),
        ):
            page = await given("console_calls", **asked)
            assert [call["call_id"] for call in page["calls"]] == found, asked

    async def test_a_call_tells_its_story_and_is_noted(self, rig: Rig) -> None:
        await message(rig)
        story = await given("console_call", id="call-7")
        assert story["events"][0]["told"] == "call call-7 of 8:nora"
        assert story["events"][-1]["kind"] == "call.ended"
        (recording,) = story["recordings"]
        assert (recording["seconds"], recording["state"], recording["caller"]) == (3.5, "stored", "8:nora")
        assert await refused("console_call", id="nobody") == (404, "CALL_UNKNOWN")
        (deed,) = (await given("console_audit", day=await today(rig)))["deeds"]
        assert (deed["who"], deed["what"], deed["target"]) == ("this machine", "call.view", "call-7")

    async def test_a_list_asks_for_no_more_than_a_page(self, rig: Rig) -> None:
        await message(rig)
        rig.backend.operations.clear()
        await given("console_calls", day=DAY)
        assert rig.backend.operations == ["scan callindex"] * 8

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"day": "today"}, "DAY_FORMAT"),
            ({"day": DAY, "after": "' or 1 eq 1"}, "LIST_PLACE"),
            ({"day": DAY, "before": "noon"}, "NUMBER"),
            ({}, "DAY_FORMAT"),
        ],
    )
    async def test_a_search_that_makes_no_sense(self, rig: Rig, params: dict[str, str], code: str) -> None:
        assert await refused("console_calls", **params) == (400, code)

    async def test_callers_are_masked_by_setting(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        from dialtone.privacy import Callers

        await message(rig)
        use(monkeypatch, rig, replace(SETTINGS, console="loopback", callers=Callers.MASKED))
        (call,) = (await given("console_calls", day=DAY))["calls"]
        assert "nora" not in call["caller"]
        assert "nora" not in (await given("console_call", id="call-7"))["events"][0]["told"]


class TestRecordings:
    async def test_listening_and_deleting_are_noted_first(self, rig: Rig) -> None:
        await message(rig)
        (recording,) = (await given("console_recordings", day=DAY))["recordings"]
        path = recording["path"]
        link = await given("console_link", method="POST", body={"path": path, "purpose": "listen"})
        assert link["url"].startswith("data:audio/wav")
        rig.backend.fail = lambda operation: operation == "insert audit"
        assert (await ask("console_link", method="POST", body={"path": path})).status_code == 503
        assert (await ask("console_delete_recording", method="DELETE", path=path)).status_code == 503
        rig.backend.fail = lambda operation: False
        assert (await given("console_recordings", day=DAY))["recordings"][0]["state"] == "stored"
        assert await given("console_delete_recording", method="DELETE", path=path) == {"deleted": path, "left": ""}
        assert await refused("console_link", method="POST", body={"path": path}) == (404, "NOT_FOUND")
        deeds = (await given("console_audit", day=await today(rig)))["deeds"]
        assert [deed["what"] for deed in deeds] == ["recording.delete", "recording.listen"]

    async def test_a_copy_that_is_left_is_told(self, rig: Rig) -> None:
        await message(rig)
        (recording,) = (await given("console_recordings", day=DAY))["recordings"]
        path = recording["path"]
        assert await rig.storage.ledger.change(path, archived="s3://kept/1.wav")
        told = await given("console_delete_recording", method="DELETE", path=path)
        assert told == {"deleted": path, "left": "no archive is configured here"}

    @pytest.mark.parametrize("body", [b"{", b"[]", {"path": "../x"}, {"path": 1}, {}, b" " * 5000])
    async def test_what_is_no_path(self, rig: Rig, body: Any) -> None:
        assert (await ask("console_link", method="POST", body=body)).status_code == 400


class TestPrompts:
    async def test_a_prompt_goes_live_and_back(self, rig: Rig) -> None:
        first = await given("console_upload", method="PUT", body=tone(), file="main-menu.wav")
        await given("console_upload", method="PUT", body=b"Press 2.", file="main-menu.txt")
        found = await given("console_prompts")
        (prompt,) = found["prompts"]
        assert prompt["playing"]["text"] == "Press 2."
        assert "welcome" in found["bot"]["unspoken"]
        assert found["texts"]["welcome"] == "Welcome to Contoso."
        preview = await given("console_preview", method="POST", body={"slot": "main-menu", "version": first["id"]})
        assert preview["url"].startswith("data:audio/wav")
        back = {"slot": "main-menu", "version": first["id"]}
        assert (await given("console_rollback", method="POST", body=back))["id"] == first["id"]
        versions = (await given("console_versions", slot="main-menu"))["versions"]
        assert [each["by"] for each in versions] == ["this machine"] * 2
        assert await given("console_remove_prompt", method="DELETE", slot="main-menu") == {"removed": "main-menu"}
        assert await refused("console_remove_prompt", method="DELETE", slot="main-menu") == (404, "NOT_FOUND")
        deeds = (await given("console_audit", day=await today(rig)))["deeds"]
        assert [deed["what"] for deed in deeds][:3] == ["prompt.remove", "prompt.remove", "prompt.rollback"]

    async def test_a_refusal_tells_its_fix_and_changes_nothing(self, rig: Rig) -> None:
        assert await refused("console_upload", method="PUT", body=wav(bytes(32_000)), file="welcome.wav") == (
            400,
            "PROMPT_SILENT",
        )
        assert (await given("console_prompts"))["prompts"] == []
        assert await refused("console_upload", method="PUT", body=b"x", file="../x") == (400, "PROMPT_NAME")
        assert await refused("console_rollback", method="POST", body={"slot": "a", "version": "b"}) == (
            400,
            "PROMPT_VERSION",
        )


class TestFigures:
    async def test_what_is_counted(self, rig: Rig) -> None:
        await message(rig)
        await message(rig, "call-8")
        await rig.post(conversation("call-9"), message_id="n0")
        found = await given("console_day", day=DAY)
        counts = {name: found[name] for name in ("calls", "all", "answered", "open", "completed", "failed", "lost")}
        assert counts == {
            "calls": 3,
            "all": True,
            "answered": 3,
            "open": 1,
            "completed": 2,
            "failed": 0,
            "lost": 0,
        }
        outcomes = {(each["question"], each["outcome"]): each["count"] for each in found["outcomes"]}
        assert outcomes["main-menu", "message"] == 2
        assert outcomes["main-menu", "silence"] == 2
        picture = await ask("console_flow", day=DAY)
        assert picture.mimetype == "image/svg+xml"
        assert b"message: 2" in picture.get_body()

    async def test_a_day_without_calls(self, rig: Rig) -> None:
        found = await given("console_day", day="20200101")
        assert (found["calls"], found["dead_air_p95"], found["outcomes"]) == (0, None, [])

    async def test_health_is_what_the_doctor_finds(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIALTONE_BOT", "")
        (finding,) = (await given("console_health"))["findings"]
        assert (finding["check"], "DIALTONE_BOT" in finding["wrong"]) == ("settings", True)


async def today(rig: Rig) -> str:
    """The day of the audit's own clock."""
    from dialtone.storage.keys import day_of

    return day_of(rig.storage.audit._clock())
