"""Bots on ACS to be measured, each in a process of its own: `python -m bench.acs_peers NAME RESOURCE CALLS`.

Each answers a call, asks for a key, says what it was, and hangs up: of five events, four have a command as answer. It
is told of events where its web server would tell it, so no server is in the figures. `dialtone` keeps a journal (in
memory) and sends each command once; `verified` checks the token of each callback besides, a new one each time. `flask`
is as Microsoft's samples are: a Flask handler, the SDK's synchronous client, state in a dictionary, nothing verified.

Prints `{"cpu_us": ...}`: processor time for each event, of AT_ONCE calls at once.
"""

import asyncio
import json
import os
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from bench.issuer import APP_ID, Issuer, issuer
from dialtone import Call, CallBot

AT_ONCE: Final = 8
EVENTS: Final = 5
KEY: Final = "a2l0LWxvY2FsLWtleS0wMDAwMDAwMDAwMDAwMDAwMDE="
CALLER: Final = {"kind": "phoneNumber", "rawId": "4:+15550100", "phoneNumber": {"value": "+15550100"}}
GREETING: Final = "Welcome to Contoso. Press 1 or 2."
_SPEECH: Final = "https://speech.test/"
_PREFIX: Final = "Microsoft.Communication."

bot = CallBot()


@bot.incoming
async def greet(call: Call) -> None:
    """The call, as Dialtone has it."""
    choice = await call.choose(GREETING, {"1": "1", "2": "2"}, retries=0)
    call.say(f"You pressed {choice}.")


def incoming(number: int) -> bytes:
    """Event Grid's event of a call."""
    data = {
        "to": {"kind": "phoneNumber", "rawId": "4:+15550199", "phoneNumber": {"value": "+15550199"}},
        "from": CALLER,
        "serverCallId": f"s{number}",
        "incomingCallContext": "c" * 1024,
        "correlationId": f"k{number}",
    }
    kind = f"{_PREFIX}IncomingCall"
    event = {"id": f"g{number}", "eventType": kind, "subject": "s", "dataVersion": "1.0", "data": data}
    return json.dumps([event]).encode()


def callbacks(number: int, contexts: Sequence[str]) -> list[bytes]:
    """The events of a call under way; `contexts` are the operationContexts of its commands."""
    happened: list[tuple[str, dict[str, Any]]] = [
        ("CallConnected", {}),
        ("RecognizeCompleted", {"recognitionType": "dtmf", "dtmfResult": {"tones": ["one"]}}),
        ("PlayCompleted", {}),
        ("CallDisconnected", {}),
    ]
    bodies = []
    for each, ((kind, data), context) in enumerate(zip(happened, (*contexts, ""), strict=True)):
        event = {
            "id": f"e{number}.{each}",
            "source": f"calling/callConnections/c{number}",
            "type": f"{_PREFIX}{kind}",
            "specversion": "1.0",
            "time": "2027-01-31T12:00:00.1234567+00:00",
            "data": {
                "callConnectionId": f"c{number}",
                "serverCallId": f"s{number}",
                "correlationId": f"k{number}",
                "resultInformation": {"code": 200, "subCode": 8531 if data else 0, "message": ""},
                **({"operationContext": context} if context else {}),
                **data,
            },
        }
        bodies.append(json.dumps([event]).encode())
    return bodies


async def dialtone(resource: str, calls: int, authority: Issuer | None) -> dict[str, float]:
    """Measure this project's functions."""
    verified = {
        "DIALTONE_AUTH": "jwt",
        "DIALTONE_APP_ID": APP_ID,
        "DIALTONE_ACS_RESOURCE_ID": APP_ID,
        "DIALTONE_ACS_EVENTS_KEY": "grid",
        "DIALTONE_ACS_METADATA": authority.metadata if authority else "",
    }
    os.environ.update(
        {
            "DIALTONE_BOT": "bench.acs_peers:bot",
            "DIALTONE_PUBLIC_URL": "https://bot.test" if authority else "http://127.0.0.1:7071",
            "DIALTONE_APPSTATE_KEY": b64encode(os.urandom(32)).decode(),
            "DIALTONE_STORAGE": "memory",
            "DIALTONE_ACS_ENDPOINT": resource,
            "DIALTONE_ACS_KEY": KEY,
            "DIALTONE_ACS_SPEECH": _SPEECH,
            **(verified if authority else {"DIALTONE_AUTH": "loopback"}),
        }
    )
    import azure.functions as func

    from dialtone.channels.acs_grid import IncomingCall, parse_grid
    from functions import acs

    app = func.FunctionApp()
    app.register_functions(acs.blueprint)
    handlers = {str(found.get_function_name()): found.get_user_function() for found in app.get_functions()}
    tickets = acs.turns().tickets

    def request(name: str, body: bytes, token: str, ticket: str) -> func.HttpRequest:
        return func.HttpRequest(
            "POST",
            f"http://127.0.0.1:7071/api/acs/{name}",
            headers={"Authorization": f"Bearer {token}"},
            params={"key": "grid"},
            route_params={"ticket": ticket},
            body=body,
        )

    def prepared(number: int) -> list[tuple[str, func.HttpRequest]]:
        (ring,) = parse_grid(incoming(number))
        assert isinstance(ring, IncomingCall)
        ticket = tickets.of(ring.call_id)
        made = [("acs_events", request("events", incoming(number), "", ""))]
        for each, body in enumerate(callbacks(number, ("0.0", "0.1", "1.0"))):
            token = authority.new(f"{number}.{each}") if authority else ""
            made.append(("acs_callbacks", request("callbacks", body, token, ticket)))
        return made

    async def live(events: list[tuple[str, func.HttpRequest]]) -> None:
        for name, asked in events:
            reply = await handlers[name](asked)
            if reply.status_code != 200:
                raise RuntimeError(f"{name} was answered with {reply.status_code}: {reply.get_body().decode()}")

    async def all_of(every: list[list[tuple[str, func.HttpRequest]]]) -> None:
        waiting = iter(every)

        async def one_after_the_other() -> None:
            for events in waiting:
                await live(events)

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))

    await all_of([prepared(-1 - number) for number in range(AT_ONCE)])
    every = [prepared(number) for number in range(calls)]
    figures = await timed(lambda: all_of(every), calls)
    await acs.turns().client.close()
    return figures


async def flask(resource: str, calls: int, _: Issuer | None) -> dict[str, float]:
    """Measure what Microsoft's samples do."""
    from azure.communication.callautomation import (
        CallAutomationClient,
        PhoneNumberIdentifier,
        RecognizeInputType,
        TextSource,
    )
    from azure.core.credentials import AzureKeyCredential
    from azure.core.messaging import CloudEvent
    from flask import Flask, Response, request
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    app, state = Flask("peer"), dict[str, str]()
    client = CallAutomationClient(resource, AzureKeyCredential(KEY))

    @app.post("/api/events")
    def events() -> Response:
        for each in request.get_json():
            if each["eventType"] == f"{_PREFIX}IncomingCall":
                caller = each["data"]["from"]["phoneNumber"]["value"]
                client.answer_call(
                    each["data"]["incomingCallContext"],
                    f"https://bot.test/api/callbacks/{caller}",
                    cognitive_services_endpoint=_SPEECH,
                )
        return Response(status=200)

    @app.post("/api/callbacks/<caller>")
    def callback(caller: str) -> Response:
        for each in request.get_json():
            event: CloudEvent[Any] = CloudEvent.from_dict(each)
            data: Any = event.data
            call = client.get_call_connection(data["callConnectionId"])
            if event.type == f"{_PREFIX}CallConnected":
                state[data["callConnectionId"]] = caller
                call.start_recognizing_media(
                    RecognizeInputType.DTMF,
                    PhoneNumberIdentifier(caller),
                    play_prompt=TextSource(text=GREETING, source_locale="en-US", voice_kind="female"),
                    dtmf_max_tones_to_collect=1,
                    initial_silence_timeout=5,
                    operation_context="menu",
                )
            elif event.type == f"{_PREFIX}RecognizeCompleted":
                pressed = data["dtmfResult"]["tones"][0]
                said = TextSource(text=f"You pressed {pressed}.", source_locale="en-US", voice_kind="female")
                call.play_media_to_all(said, operation_context="goodbye")
            elif event.type == f"{_PREFIX}PlayCompleted":
                call.hang_up(is_for_everyone=True)
            elif event.type == f"{_PREFIX}CallDisconnected":
                state.pop(data["callConnectionId"])
        return Response(status=200)

    def environ(path: str, body: bytes) -> dict[str, Any]:
        return EnvironBuilder(path, method="POST", data=body, content_type="application/json").get_environ()

    def prepared(number: int) -> list[dict[str, Any]]:
        path = "/api/callbacks/+15550100"
        later = [environ(path, body) for body in callbacks(number, ("answer", "menu", "goodbye"))]
        return [environ("/api/events", incoming(number)), *later]

    def live(events: list[dict[str, Any]]) -> None:
        for each in events:
            _, status, _ = run_wsgi_app(app, each)
            if not status.startswith("200"):
                raise RuntimeError(f"the sample answered {status}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(live, [prepared(-1 - number) for number in range(AT_ONCE)]))
        every = [prepared(number) for number in range(calls)]

        async def all_of() -> None:
            await asyncio.to_thread(lambda: list(pool.map(live, every)))

        return await timed(all_of, calls)


async def timed(work: Callable[[], Awaitable[None]], calls: int) -> dict[str, float]:
    """What the work costs for each event."""
    began = time.process_time()
    await work()
    return {"cpu_us": (time.process_time() - began) / (calls * EVENTS) * 1e6}


def main(name: str, resource: str, calls: int) -> None:
    """Measure one, and print it."""
    assert b64decode(KEY)
    if name == "verified":
        with issuer() as authority:
            figures = asyncio.run(dialtone(resource, calls, authority))
    else:
        figures = asyncio.run({"dialtone": dialtone, "flask": flask}[name](resource, calls, None))
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
