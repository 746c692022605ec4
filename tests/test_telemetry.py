"""Traces of calls, as a collector gets them; and nothing at all where nobody asked for them."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bots.reception import bot as reception
from dialtone import telemetry
from dialtone.storage.account import Address, AzureAccount
from tests.collector import Collector, attributes, collector
from tests.fakes import ROOT, environment
from tests.functions.rig import HUNG_UP, RECORDED, Rig, chose, conversation, result, with_audio

__all__ = ["collector"]

PLATFORM = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PAGE = ROOT / "docs/reference/telemetry.md"


@pytest.fixture
def told(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """This process tells the collector."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    assert telemetry.start("dialtone-test")
    yield collector
    telemetry.stop()


async def a_call(rig: Rig, call: str) -> None:
    first = await rig.turns.callback(
        {"content-type": "application/json", "x-microsoft-skype-message-id": f"{call}-0", "traceparent": PLATFORM},
        conversation(call),
    )
    asked = await rig.post(result(first, chose("message"), call=call), message_id=f"{call}-1")
    body, kind = with_audio(result(asked, RECORDED, call=call), b"RIFF" + bytes(400))
    thanked = await rig.post(body, message_id=f"{call}-2", content_type=kind)
    await rig.post(result(thanked, HUNG_UP, call=call, state="terminated"), message_id=f"{call}-3")


@pytest.mark.azurite
async def test_a_call_is_one_trace_from_the_platform_to_storage(told: Collector, azurite_connection: str) -> None:
    account = AzureAccount(Address.from_connection_string(azurite_connection))
    rig = Rig(reception, backend=account)  # type: ignore[arg-type]
    for call in ("call-1", "call-2"):
        await a_call(rig, call)
    await account.close()
    await asyncio.to_thread(telemetry.flush)
    for call in ("call-1", "call-2"):
        spans = [span for _, span in told.spans if int.from_bytes(span.trace_id) == telemetry.trace_of(call)]
        by_id = {span.span_id: span for span in spans}
        names = [span.name for span in spans]
        assert names.count("call") == 1
        assert names.count("callback") == names.count("turn") == 4
        assert names.count("storage") >= 8
        (root,) = (span for span in spans if span.name == "call")
        assert int.from_bytes(root.span_id) == telemetry.root_of(call)
        assert not root.parent_span_id
        assert attributes(root)["dialtone.call.outcome"] == "completed"
        for span in spans:
            # Every one of them hangs, by one or more steps, below the call.
            while span.parent_span_id:
                span = by_id[span.parent_span_id]
            assert span is root
    links = [link for span in told.named("callback") for link in span.links]
    assert {link.trace_id.hex() for link in links} == {PLATFORM.split("-")[1]}
    assert b"nora" not in told.raw
    assert {"dialtone.turns", "dialtone.calls", "dialtone.storage.duration"} <= told.metrics.keys()


def test_names_are_documented_and_those_that_are_documented_exist() -> None:
    code = "".join(
        path.read_text() for room in ("dialtone", "functions", "media_worker") for path in (ROOT / room).rglob("*.py")
    )
    used = set(re.findall(r'telemetry\.(?:span|count|measure)\(\s*"([a-z.]+)"', code)) | {"call"}
    page = PAGE.read_text()
    documented = set(re.findall(r"^\| `([a-z.]+)` \| (?:span|counter|histogram)", page, re.M))
    assert used == documented


OFF = """
import sys
import function_app
from functions.skype_turn import turns
turns()
assert not [name for name in sys.modules if name.startswith("opentelemetry")], "it was imported"
from dialtone import telemetry
with telemetry.span("turn", call_id="x"):
    assert telemetry.current_traceparent() == ""
telemetry.count("dialtone.turns")
print(telemetry.is_on())
"""


@pytest.mark.parametrize(
    "settings", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}]
)
def test_switched_off_nothing_is_imported(settings: dict[str, str]) -> None:
    more = {
        "DIALTONE_BOT": "bots.hello:bot",
        "DIALTONE_PUBLIC_URL": "http://127.0.0.1:7071",
        "DIALTONE_AUTH": "loopback",
        "DIALTONE_APPSTATE_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
        "DIALTONE_STORAGE": "memory",
    }
    done = subprocess.run(
        [sys.executable, "-c", OFF], env=environment(**more, **settings), capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "False\n", done.stderr


def test_a_failure_is_marked_and_its_text_is_not_told(told: Collector) -> None:
    with pytest.raises(ValueError, match="4711"), telemetry.span("turn", call_id="call-9"):
        raise ValueError("4711")
    telemetry.flush()
    (span,) = told.named("turn")
    assert attributes(span)["error.type"] == "ValueError"
    assert b"4711" not in told.raw


@pytest.mark.parametrize(
    "header", ["", "00-xyz", "00-0-0-0", f"00-{'g' * 32}-{'a' * 16}-01", f"00-{'0' * 32}-{'0' * 16}-00"]
)
def test_a_traceparent_that_is_none_is_no_link(told: Collector, header: str) -> None:
    with telemetry.span("callback", call_id="call-9", kind="server", traceparent=header):
        pass
    telemetry.flush()
    assert not told.named("callback")[0].links


def test_the_traceparent_of_a_call() -> None:
    assert telemetry.traceparent_of("call-7") == telemetry.traceparent_of("call-7")
    version, trace, span, flags = telemetry.traceparent_of("call-7").split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")


def test_the_current_trace_goes_on_in_requests(told: Collector) -> None:
    with telemetry.span("turn", call_id="call-9"):
        header = telemetry.current_traceparent()
    assert int(header.split("-")[1], 16) == telemetry.trace_of("call-9")
    assert telemetry.current_traceparent() == ""
