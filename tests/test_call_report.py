"""The page of a call: all its events, in lanes and in words, and nothing that a bot could smuggle in."""

import re
import xml.etree.ElementTree as Tree

import pytest

from dialtone.call_report import page
from dialtone.ringing import Event
from tests.ledgers import BAD, CALL_ID, GOOD


@pytest.mark.parametrize("events", [GOOD, BAD], ids=["good", "bad"])
def test_every_event_is_in_the_lanes_and_in_the_table(events: list[Event]) -> None:
    text = page(events)
    assert f"<h1>Call {CALL_ID}</h1>" in text
    assert text.count("<details>") == len(events)
    svg = Tree.fromstring(re.findall(r"<svg.*</svg>", text)[0])
    assert len(svg.findall("rect")) + len(svg.findall("circle")) == len(events)
    last = max(event["t"] for event in events)
    assert svg.attrib["aria-label"].startswith(f"Lanes of caller, bot and platform over {last:.1f} seconds")


def test_what_is_said_is_a_bar_where_it_was_heard() -> None:
    svg = Tree.fromstring(re.findall(r"<svg.*</svg>", page(GOOD))[0])
    bars = [(float(bar.attrib["x"]), float(bar.attrib["y"])) for bar in svg.findall("rect")]
    spoke = next(event for event in GOOD if event["kind"] == "spoke")
    scale = 820 / GOOD[-1]["t"]
    assert bars[0] == (80.0, 33.0)
    assert (round(80 + spoke["start"] * scale, 1), 5.0) in bars


def test_a_verdict_is_told_and_what_failed_is_said_in_words() -> None:
    assert '<p class="verdict passed">The call ended as its script expects.</p>' in page(GOOD)
    text = page(BAD)
    assert '<p class="verdict failed">FAIL</p><ul><li>ended_by: expected bot</li>' in text
    assert "<summary>failed: violation</summary>" in text


def test_an_event_is_told_in_the_words_of_the_transcript_or_in_others() -> None:
    text = page(GOOD)
    assert "<td>bot</td><td>&quot;Welcome to Contoso.&quot;</td>" in text
    assert "<tr class=aside>" in text, "what has no words is there all the same"
    assert "<td>platform</td><td>as it was</td>" in page(GOOD, lambda event: (str(event["who"]), "as it was"))


def test_nothing_is_smuggled_in() -> None:
    event = {"t": 0.0, "who": "bot", "kind": "violation", "message": "<script>alert(1)</script>", "code": "&"}
    event |= {"field": "", "fix": ""}
    text = page([event])
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_an_empty_ledger() -> None:
    assert "<svg" in page([])
