"""The trace of one call, from the platform to storage by way of the media worker, as a collector gets it."""

from pathlib import Path
from typing import Any

import pytest

from dialtone import telemetry
from tests.collector import Collector, attributes, collector
from tests.whole_call.line import Line, a_house

__all__ = ["collector"]

pytestmark = [pytest.mark.stack, pytest.mark.azurite]

PLATFORM = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SCRIPT = """
name: talk
steps:
  - hear: {stream: true}
  - press: "#"
  - wait: 60
expect: {ended_by: bot}
"""
FUNCTIONS, WORKER = "dialtone-functions", "dialtone-media-worker"


class Traced(Line):
    """A platform that has traces of its own."""

    def send(self, path: str, headers: dict[str, str], body: bytes) -> Any:
        return super().send(path, {**headers, "traceparent": PLATFORM}, body)


def test_one_call_is_one_trace_platform_function_worker_and_storage(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every program of the stack has it.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    script = tmp_path / "script.yaml"
    script.write_text(SCRIPT)
    # When the programs are stopped they send what is left.
    with a_house(tmp_path / "logs", line=Traced(""), bot="tests.whole_call.kept:bot", timers=False) as there:
        rung = there.ring(script=script)
    assert rung.code == 0, rung.kind("verdict")
    trace = telemetry.trace_of(rung.call_id)
    spans = [(service, span) for service, span in collector.spans if int.from_bytes(span.trace_id) == trace]
    by_id = {span.span_id: span for _, span in spans}

    def told(service: str, name: str) -> list[Any]:
        return [span for by, span in spans if (by, span.name) == (service, name)]

    assert {(service, span.name) for service, span in spans} == {
        (FUNCTIONS, "call"), (FUNCTIONS, "callback"), (FUNCTIONS, "turn"), (FUNCTIONS, "command"),
        (FUNCTIONS, "storage"), (WORKER, "stream"), (WORKER, "storage"),
    }  # fmt: skip
    (root,), (stream,) = told(FUNCTIONS, "call"), told(WORKER, "stream")
    assert (int.from_bytes(root.span_id), root.parent_span_id) == (telemetry.root_of(rung.call_id), b"")
    assert attributes(root)["dialtone.call.outcome"] == "completed"

    def above(span: Any) -> list[str]:
        names = []
        while span.parent_span_id:
            span = by_id[span.parent_span_id]
            names.append(span.name)
        return names

    # The platform: each of its requests is a callback that links to the trace which it sent.
    callbacks = told(FUNCTIONS, "callback")
    assert len(callbacks) == len(there.line.exchanges)
    assert all(above(span) == ["call"] for span in callbacks)
    assert {link.trace_id.hex() for span in callbacks for link in span.links} == {PLATFORM.split("-")[1]}
    assert all(len(span.links) == 1 for span in callbacks)
    # The functions: a turn that the platform began, and one that the worker's signal began.
    began = {attributes(span)["dialtone.event"]: above(span) for span in told(FUNCTIONS, "turn")}
    assert ["callback", "call"] in began.values()
    assert ["call"] in began.values()
    assert ["turn", "callback", "call"] in map(above, told(FUNCTIONS, "storage"))
    # The dialog is over, so the platform is told to end the call.
    (command,) = told(FUNCTIONS, "command")
    assert above(command)[-1] == "call"
    # The worker, and what it stores while its handler runs.
    assert (above(stream), attributes(stream)["dialtone.handler"]) == (["call"], "keep")
    stored = told(WORKER, "storage")
    assert all(above(span) == ["stream", "call"] for span in stored)
    requests = {attributes(span)["dialtone.storage.request"] for span in stored}
    assert "committing the parts of a blob" in requests
    assert any("table recordings" in request for request in requests)
