"""Whole calls with media on ACS: the resource, the functions and the worker as programs, frames both ways."""

from pathlib import Path

import pytest

from dialtone.platforms import arrange
from dialtone.ringing import ring
from dialtone.stack import Stack
from tests.whole_call.line import ROOT

pytestmark = pytest.mark.stack

CALL = """\
name: talk
steps:
  - hear: {stream: true}
  - speak: "One, two, three."
  - hear: {own_voice: true}
  - press: "4"
  - wait: 0.5
  - press: "#"
  - hear: Do you hear me
  - press: "1"
  - hear: {stream: true}
  - speak: "Four, five, six."
  - hear: {own_voice: true}
  - press: "5"
  - hear: That was all
expect: {ended_by: bot}
"""


def test_a_call_that_comes_in_is_the_handlers_and_then_the_dialogs(tmp_path: Path) -> None:
    """On ACS a dialog can go on when its media stream is over, and begin another."""
    notes, script, logs = tmp_path / "notes", tmp_path / "script.yaml", tmp_path / "logs"
    script.write_text(CALL)
    with Stack(
        ROOT,
        bot="tests.whole_call.talking:bot",
        host="devhost",
        platform=arrange("acs"),
        simulator=False,
        usual_ports=False,
        environment={"TALKING_NOTES": str(notes)},
        logs=logs,
        memory=True,
    ) as stack:
        options = stack.platform.options
        events = list(ring(stack.calls_url, script, time="real", seed=7, app_dir=ROOT, logs=logs, options=options))
        stack.check()
    assert events[-1]["ok"], events[-1]
    streams = [event for event in events if event["kind"] == "stream"]
    assert [each["what"] for each in streams] == ["opened", "over", "opened", "over"]
    assert [each["reason"] for each in streams[1::2]] == ["finished", "closed"]
    for over in streams[1::2]:
        assert (over["problems"], over["sent_s"] > 1, over["heard_s"] > 1) == ([], True, True)
    assert notes.read_text() == "4|parrot|finished||True|5 closed\n"
