"""What came of many calls and of a storm, as people and machines read it."""

from collections.abc import Mapping
from typing import Any

from dialtone.lab import Calls, Table

SUMMARY = {
    "kind": "calls",
    "calls": 12,
    "ok": 0,
    "took_s": 2.0,
    "calls_per_s": 6.0,
    "requests": 48,
    "reply_ms_p50": 3.1,
    "reply_ms_p95": 4.2,
    "reply_ms_p99": 5.3,
    "seed": 7,
}


def line(number: int, *reasons: str) -> dict[str, Any]:
    ok = not reasons
    return {"kind": "call", "number": number, "seed": 7 + number, "ok": ok, "reasons": list(reasons)}


def cell(script: str, fault: str | None, request: int | None, *reasons: str) -> dict[str, Any]:
    return {
        "bot": "b",
        "script": script,
        "fault": fault,
        "request": request,
        "ok": not reasons,
        "reasons": list(reasons),
    }


def test_calls_that_went_well() -> None:
    calls = Calls()
    assert not calls.ok
    assert [each["number"] for each in calls.take([line(0), line(1), SUMMARY])] == [0, 1]
    assert calls.ok
    assert calls.lines("again {seed}") == [
        "12 calls in 2.0 s: 6 a second, 48 requests, replies in 3.1 ms (p50), 4.2 (p95), 5.3 (p99); seeds from 7",
        "PASS: all 12 calls ended as their script expects",
    ]
    assert calls.document() == {"ok": True, "summary": SUMMARY, "failed": []}


def test_calls_that_failed_can_be_made_again() -> None:
    calls = Calls()
    list(calls.take([*(line(number, "why", "and why") for number in range(12)), SUMMARY]))
    told = calls.lines("dialtone call x.yaml --seed {seed}")
    assert told[:2] == ["call 0 (seed 7): why; and why", "  again: dialtone call x.yaml --seed 7"]
    assert told[-3] == "... and 2 more"
    assert told[-1] == "FAIL: 12 of 12 calls did not end as their script expects"
    assert not calls.ok


def test_calls_that_were_broken_off() -> None:
    calls = Calls()
    list(calls.take([line(0)]))
    assert not calls.ok
    assert calls.lines("") == ["FAIL: the simulator did not finish"]


def test_a_table_has_a_row_for_each_fault_and_a_column_for_each_script() -> None:
    cells: list[Mapping[str, Any]] = [
        cell("One", None, None),
        cell("One", "drop=1", 0),
        cell("One", "drop=1", 1, "why"),
        cell("One", "drop=1", 2, "why"),
        cell("Two", None, None),
        cell("Two", "drop=1", 0),
        cell("Three", None, None, "why"),
    ]
    table = Table(cells, 7)
    assert (table.bots, table.of("b"), table.of("another").cells) == (["b"], table, [])
    assert table.scripts == ["One", "Two", "Three"]
    assert table.rows() == [["(calm)", "ok", "ok", "FAIL"], ["drop=1", "FAIL at 1, 2 of 3", "ok 1", "-"]]
    assert table.failed == [cells[2], cells[3], cells[6]]
    assert table.left_out == []
