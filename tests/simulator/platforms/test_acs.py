"""Calls of the simulated ACS, as a bot sees them: rings, media, ends, tokens; in virtual time."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from aiohttp import web
from jwt import PyJWK

from simulator import audio, lab
from simulator.call import CallReport
from simulator.clock import VirtualClock
from simulator.platforms.acs import AcsResource
from simulator.platforms.acs_incoming import Acs
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.rest import Request
from simulator.script import read_script
from simulator.wire import Wire, open_wire
from tests.functions.issuer import serving

Json = dict[str, Any]
TEXT = {"kind": "text", "text": {"text": "Hello there."}}
TARGET = {"rawId": "4:+15550100"}


class Bot:
    """Answers, then does what `acts` says for a type of event, once each."""

    def __init__(self, resource: AcsResource, wire: Wire) -> None:
        self.resource, self.wire, self.url = resource, wire, ""
        self.speech: Json = {"callIntelligenceOptions": {"cognitiveServicesEndpoint": "https://speech.test/"}}
        self.first = "answer"
        self.acts: dict[str, tuple[str, Json]] = {}
        self.events: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.files: dict[str, bytes] = {}
        self.files_refused = 0
        self.statuses: list[int] = []
        self.refuse = 0

    async def take(self, request: web.Request) -> web.Response:
        if request.method == "GET" and self.files_refused:
            self.files_refused -= 1
            return web.Response(status=503)
        if request.method == "GET":
            data = self.files.get(request.path.removeprefix("/"))
            return web.Response(status=404) if data is None else web.Response(body=data)
        self.headers.append(dict(request.headers))
        if self.refuse:
            self.refuse -= 1
            return web.Response(status=500)
        for event in json.loads(await request.read()):
            self.events.append(event)
            await self._on(event)
        return web.Response()

    async def _on(self, event: Json) -> None:
        kind = (event.get("type") or event["eventType"]).removeprefix("Microsoft.Communication.")
        data = event["data"]
        if kind == "IncomingCall":
            if self.first == "answer":
                body = {"callbackUri": f"{self.url}/cb", **self.speech}
                await self.ask("/calling/callConnections:answer", body | {"incomingCallContext": context(event)})
            elif self.first:
                await self.ask(
                    f"/calling/callConnections:{self.first}",
                    self.acts["first"][1] | {"incomingCallContext": context(event)},
                )
        elif kind in self.acts:
            name, body = self.acts.pop(kind)
            await self.ask(f"/calling/callConnections/{data['callConnectionId']}:{name}", body)

    async def ask(self, path: str, body: Json) -> None:
        request = Request("POST", path, {"authorization": "Bearer t"}, json.dumps(body).encode())
        self.statuses.append((await self.resource.handle(request)).status)

    def data(self, kind: str) -> Json:
        (found,) = [event["data"] for event in self.events if event.get("type", "").endswith(f".{kind}")]
        data: Json = found
        return data

    @property
    def kinds(self) -> list[str]:
        return [(each.get("type") or each["eventType"]).rpartition(".")[2] for each in self.events]


def context(event: Json) -> str:
    return str(event["data"]["incomingCallContext"])


@asynccontextmanager
async def a_bot(settings: AcsSettings | None = None) -> AsyncIterator[Bot]:
    async with open_wire() as wire:
        bot = Bot(AcsResource(wire, VirtualClock, settings), wire)
        async with serving(bot.take) as bot.url:
            yield bot
            await bot.resource.close()


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    async with a_bot() as made:
        yield made


async def ring(bot: Bot, steps: str, more: str = "") -> CallReport:
    read = read_script(f"name: test\n{more}steps:\n{steps}")
    return await lab.Bot(f"{bot.url}/events", bot.wire, Acs(bot.resource)).ring(read, 7)


def recognize(kind: str, **options: Any) -> tuple[str, Json]:
    body = {"recognizeInputType": kind, "recognizeOptions": {"targetParticipant": TARGET, **options}}
    return "recognize", body


def sub_code(data: Json) -> int:
    return int(data["resultInformation"]["subCode"])


async def test_a_call_that_is_answered_is_connected_and_ends(bot: Bot) -> None:
    report = await ring(bot, "  - wait: 3\n  - hang_up: true\n")
    assert report.ok
    assert bot.kinds[0] == "IncomingCall"
    assert set(bot.kinds[1:3]) == {"CallConnected", "ParticipantsUpdated"}
    assert bot.kinds[3:] == ["CallDisconnected"]
    assert sub_code(bot.data("CallDisconnected")) == 560000


async def test_a_callback_carries_a_token_and_a_delivery_does_not(bot: Bot) -> None:
    await ring(bot, "  - wait: 1\n  - hang_up: true\n")
    delivery, *callbacks = bot.headers
    assert len(callbacks) == 3
    assert "Authorization" not in delivery
    assert delivery["aeg-event-type"] == "Notification"
    (key,) = bot.resource.issuer.keys["keys"]
    audience = bot.resource.settings.resource_id
    for headers in callbacks:
        token = headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, PyJWK(key, "RS256").key, algorithms=["RS256"], audience=audience)
        assert claims["iss"] == "https://acscallautomation.communication.azure.com"
        assert claims["exp"] - claims["iat"] == 300


async def test_nobody_answers(bot: Bot) -> None:
    bot.first = ""
    report = await ring(bot, "  - wait: 100\n")
    assert (report.ok, report.events[-1]["reasons"]) == (False, ["nobody answered within 30 s"])


async def test_a_caller_hangs_up_while_it_rings(bot: Bot) -> None:
    bot.first = ""
    report = await ring(bot, "  - wait: 3\n  - hang_up: true\n")
    assert bot.kinds == ["IncomingCall"]
    assert [event["by"] for event in report.events if event["kind"] == "call.ended"] == ["caller"]


async def test_a_delivery_that_fails_comes_again_after_ten_seconds(bot: Bot) -> None:
    bot.refuse = 1
    report = await ring(bot, "  - wait: 20\n  - hang_up: true\n")
    assert [event["t"] for event in report.events if event["kind"] == "http.request"][:2] == [0, 10]
    assert [headers.get("aeg-delivery-count") for headers in bot.headers[:2]] == ["0", "1"]


async def test_a_call_that_is_redirected_to_an_acs_user_rings_again(bot: Bot) -> None:
    bot.first = "redirect"
    bot.acts["first"] = ("", {"target": {"rawId": "8:acs:res_agent"}})
    await ring(bot, "  - wait: 40\n")
    rung = [event["data"] for event in bot.events]
    assert {each["to"]["rawId"] for each in rung} == {"4:+15550199", "8:acs:res_agent"}
    assert len({each["correlationId"] for each in rung}) == 1


async def test_a_teams_phone_rings_with_an_unknown_kind() -> None:
    account = "11111111-2222-4333-8444-555555555555"
    async with a_bot(AcsSettings(teams_account=account)) as bot:
        await ring(bot, "  - hang_up: true\n")
        assert bot.events[0]["data"]["to"] == {"kind": "unknown", "rawId": f"28:orgid:{account}"}


@pytest.mark.parametrize(
    ("keys", "options", "kind", "code", "tones"),
    [
        ("12#", {"maxTonesToCollect": 9, "stopTones": ["pound"]}, "RecognizeCompleted", 8514, ["one", "two", "pound"]),
        ("12", {"maxTonesToCollect": 2}, "RecognizeCompleted", 8531, ["one", "two"]),
        ("1", {"maxTonesToCollect": 2}, "RecognizeFailed", 8532, ["one"]),
    ],
)
async def test_keys(keys: str, options: Json, kind: str, code: int, tones: list[str], bot: Bot) -> None:
    bot.acts["CallConnected"] = recognize("dtmf", dtmfOptions=options)
    await ring(bot, f'  - wait: 1\n  - press: "{keys}"\n  - wait: 20\n  - hang_up: true\n')
    data = bot.data(kind)
    assert (sub_code(data), data["dtmfResult"]["tones"]) == (code, tones)


CHOICES = [{"label": "Sales", "phrases": ["sales"], "tone": "one"}, {"label": "Help", "phrases": [], "tone": "two"}]


@pytest.mark.parametrize(
    ("steps", "kind", "code", "label"),
    [
        ('  - press: "2"\n', "RecognizeCompleted", 8533, "Help"),
        ('  - press: "9"\n', "RecognizeFailed", 8534, None),
        ('  - speak: "sales, please"\n', "RecognizeCompleted", 8545, "Sales"),
        ("  - speak: nothing of that\n", "RecognizeFailed", 8547, None),
        ("  - wait: 10\n", "RecognizeFailed", 8510, None),
    ],
)
async def test_choices(steps: str, kind: str, code: int, label: str | None, bot: Bot) -> None:
    bot.acts["CallConnected"] = recognize("choices", choices=CHOICES)
    await ring(bot, f"  - wait: 1\n{steps}  - wait: 20\n  - hang_up: true\n")
    data = bot.data(kind)
    assert (sub_code(data), data.get("choiceResult", {}).get("label")) == (code, label)


@pytest.mark.parametrize("barge_in", [True, False])
async def test_a_key_cuts_a_prompt_off_only_when_it_may(barge_in: bool, bot: Bot) -> None:
    name, body = recognize("dtmf", dtmfOptions={"maxTonesToCollect": 1}, interruptPrompt=barge_in)
    bot.acts["CallConnected"] = (name, body | {"playPrompt": TEXT})
    report = await ring(bot, '  - wait: 0.2\n  - press: "1"\n  - wait: 20\n  - hang_up: true\n')
    (heard,) = [event for event in report.events if event["kind"] == "heard"]
    assert heard["cut"] == barge_in
    assert ("RecognizeCompleted" in bot.kinds) == barge_in


async def test_words_need_ai_services(bot: Bot) -> None:
    bot.speech = {}
    bot.acts = {"CallConnected": ("play", {"playSources": [TEXT]}), "PlayFailed": recognize("speech")}
    await ring(bot, "  - wait: 5\n  - hang_up: true\n")
    for kind in ("PlayFailed", "RecognizeFailed"):
        information = bot.data(kind)["resultInformation"]
        assert (information["code"], information["subCode"]) == (405, 8522)


@pytest.mark.parametrize(
    ("file", "refused", "code"),
    [(None, 0, 8536), (b"no sound", 0, 8535), ("narrow", 0, 8535), ("good", 0, 0), ("good", 3, 0), ("good", 4, 8536)],
)
async def test_files(file: bytes | str | None, refused: int, code: int, bot: Bot) -> None:
    """One that a restarting bot cannot serve is asked for again, three times."""
    bot.files_refused = refused
    good = audio.encode(audio.tone(0.5), "wav")
    # The sample rate is at byte 24 of a WAV.
    sounds = {"good": good, "narrow": good[:24] + (8000).to_bytes(4, "little") + good[28:]}
    if file is not None:
        bot.files["a.wav"] = sounds[file] if isinstance(file, str) else file
    source = {"kind": "file", "file": {"uri": f"{bot.url}/a.wav"}}
    bot.acts["CallConnected"] = ("play", {"playSources": [source], "operationContext": "p"})
    await ring(bot, "  - wait: 9\n  - hang_up: true\n")
    assert sub_code(bot.data("PlayFailed" if code else "PlayCompleted")) == code
    assert bot.files_refused == 0


async def test_an_interruption_cancels_what_runs(bot: Bot) -> None:
    bot.acts["CallConnected"] = ("play", {"playSources": [TEXT], "operationContext": "first"})
    second = {"playSources": [TEXT], "operationContext": "second", "interruptCallMediaOperation": True}
    bot.acts["PlayStarted"] = ("play", second)
    await ring(bot, "  - wait: 9\n  - hang_up: true\n")
    assert (bot.data("PlayCanceled")["operationContext"], sub_code(bot.data("PlayCanceled"))) == ("first", 8508)
    assert bot.data("PlayCompleted")["operationContext"] == "second"


async def test_tones_are_told_as_they_come(bot: Bot) -> None:
    bot.acts["CallConnected"] = ("startContinuousDtmfRecognition", {"targetParticipant": TARGET})
    await ring(bot, '  - wait: 1\n  - press: "9#"\n  - wait: 1\n  - hang_up: true\n')
    told = [
        event["data"]
        for event in bot.events
        if event["type" if "type" in event else "eventType"].endswith("ToneReceived")
    ]
    assert [(each["sequenceId"], each["tone"]) for each in told] == [(1, "nine"), (2, "pound")]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("play", {"playSources": []}),
        ("play", {"playSources": [{"kind": "song"}]}),
        ("recognize", {"recognizeInputType": "thought", "recognizeOptions": {"targetParticipant": TARGET}}),
        recognize("dtmf"),
        recognize("choices"),
        recognize("speech", initialSilenceTimeoutInSeconds=21),
        ("sendDtmfTones", {"tones": ["one"] * 19, "targetParticipant": TARGET}),
        ("transferToParticipant", {}),
    ],
)
async def test_what_is_not_legal_is_refused(name: str, body: Json, bot: Bot) -> None:
    bot.acts["CallConnected"] = (name, body)
    await ring(bot, "  - wait: 5\n  - hang_up: true\n")
    assert bot.statuses == [200, 400]


async def test_a_command_after_the_end_finds_no_call(bot: Bot) -> None:
    bot.acts["CallDisconnected"] = ("play", {"playSources": [TEXT]})
    await ring(bot, "  - wait: 1\n  - hang_up: true\n")
    assert bot.statuses == [200, 404]
