"""The transcript, compared whole: plain, and what a terminal gets."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from dialtone.ringing import judge
from dialtone.stored import Stored, StoredRecording
from dialtone.transcript import clock, printable, report, show
from tests.ledgers import BAD, CALL_ID, GOOD

STORED = Stored(
    CALL_ID,
    4,
    "",
    [StoredRecording(f"2026/11/20/{CALL_ID}/3.wav", "3", "wav", 144_044, "0123456789abcdef", 4.5, 4.5, -18.76)],
)


def plain() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, highlight=False, markup=False, width=40), text


def test_a_good_call() -> None:
    console, text = plain()
    for event in GOOD:
        show(console, event)
    report(console, judge(GOOD, STORED))
    assert (
        text.getvalue()
        == f"""\
00:00.0  platform  8:nora calls http://bot/api/calls (call {CALL_ID}, seed 7)
00:00.0  bot       "Welcome to Contoso."
00:01.2  bot       is silent for 500 ms
00:03.0  caller    presses 2
00:01.7  bot       plays main-menu.wav (cut after 1.3 s)
00:03.0  platform  understands message (dtmfOptionMatched)
00:03.0  bot       beep
00:03.8  caller    "Hello, this is Nora."
00:07.8  platform  [REC] 4.5 s, 144,044 bytes of wav, ended by stopTone
00:07.8  platform  transfers the caller to 8:sales, which fails
01:01.2  bot       hangs up
01:01.2  platform  the call is over, ended by the bot

Stored: 4 turns in the journal of call {CALL_ID}
  recordings/2026/11/20/{CALL_ID}/3.wav
    144,044 bytes, 4.5 s, sha256 0123456789ab; read back: 4.5 s, -19 dB
PASS: the call ended as its script expects (61.2 s, 3 workflows, 1 recording)
"""
    )


def test_a_dialog_that_failed_is_told_however_the_call_ended() -> None:
    console, text = plain()
    report(console, judge(GOOD, replace(STORED, raised="DialogError")))
    assert "\n  the dialog failed: DialogError; the bot's log, functions.log, says where" in text.getvalue()


def test_a_bad_call() -> None:
    console, text = plain()
    for event in BAD:
        show(console, event)
    report(console, judge(BAD, None))
    assert (
        text.getvalue()
        == f"""\
00:00.0  platform  8:nora calls http://bot/api/calls (call {CALL_ID}, seed 7)
00:00.0  platform  FAULT kill=after at request 0
00:00.0  bot       HTTP FAILED: status 500
00:01.0  bot       HTTP FAILED: no reply: unreachable
00:01.0  bot       VIOLATION VALUE [actions.0.x]: it is 9. Fix: make it 1.
00:01.0  platform  the call is over, ended by the platform
00:01.0  caller    UNMET ended_by: expected bot, got platform
00:01.0  caller    UNMET heard: expected Hi, got 'Yo' / \N{REPLACEMENT CHARACTER}[2J

Stored: not looked at. Fix: set DIALTONE_STORAGE to the bot's connection string.
FAIL: ended_by: expected bot; heard: expected 'Hi'
"""
    )


def test_a_terminal_gets_colour_and_the_same_words() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, color_system="standard", highlight=False, width=200)
    show(console, BAD[-3])
    assert "\x1b[1;31m" in text.getvalue()
    assert "UNMET ended_by" in text.getvalue()


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00.0"), (59.94, "00:59.9"), (59.96, "01:00.0"), (600, "10:00.0"), (6000, "100:00.0")]
)
def test_times(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_what_could_steer_a_terminal_is_replaced() -> None:
    assert printable("a\x1b[31mb\nc\u202ed ä") == "a\ufffd[31mb\ufffdc\ufffdd ä"
