"""Ledgers of calls, as the simulator writes them."""

from typing import Any

CALL_ID = "9030b7f276914175a2ad66588e0561af"
BOT = "http://bot/api/calls"


def event(t: float, who: str, kind: str, **members: Any) -> dict[str, Any]:
    return {"t": t, "who": who, "kind": kind, **members}


BEGINNING = [
    event(
        0.0,
        "platform",
        "call.started",
        call_id=CALL_ID,
        chain_id="c",
        seed=7,
        bot=BOT,
        caller="8:nora",
    ),
    event(0.0, "platform", "http.request", attempt=1, message_id="m", chain_id="c", url="http://bot", json={}, bytes=0),
    event(0.0, "bot", "http.reply", status=200, ms=12.0, json={}),
]
GOOD = [
    *BEGINNING,
    event(1.2, "caller", "heard", text="Welcome to Contoso.", start=0.0, seconds=1.2, cut=False),
    event(1.7, "caller", "heard", silence_ms=500, start=1.2, seconds=0.5, cut=False),
    event(3.0, "caller", "pressed", key="2"),
    event(3.0, "caller", "heard", file="main-menu.wav", start=1.7, seconds=1.3, cut=True),
    event(3.0, "platform", "recognized", operation_id="2", ok=True, reason="dtmfOptionMatched", choice="message"),
    event(3.0, "platform", "beep", seconds=0.25),
    event(7.75, "caller", "spoke", text="Hello, this is Nora.", start=3.75, seconds=4.0),
    event(7.8, "platform", "recorded", operation_id="3", seconds=4.5, format="wav", bytes=144_044, reason="stopTone"),
    event(7.8, "platform", "transferred", target="8:sales", ok=False),
    event(61.25, "bot", "hung_up", by="bot"),
    event(61.25, "platform", "call.ended", by="bot", seconds=61.25, turns=3, recordings=1),
    event(61.25, "caller", "expectation", ok=True, what="ended_by", want="bot", got="bot"),
    event(61.25, "caller", "verdict", ok=True, reasons=[]),
]
BAD = [
    *BEGINNING[:2],
    event(0.0, "platform", "fault", fault="kill", value="after", request=0),
    event(0.0, "bot", "http.reply", status=500, ms=3.0),
    event(0.0, "bot", "http.reply", status=403, ms=3.0, fault="bad_token"),
    event(1.0, "bot", "http.reply", status=None, ms=3.0, error="unreachable"),
    event(1.0, "bot", "violation", code="VALUE", field="actions.0.x", message="it is 9", fix="make it 1"),
    event(1.0, "platform", "call.ended", by="platform", seconds=1.0, turns=0, recordings=0),
    event(1.0, "caller", "expectation", ok=False, what="ended_by", want="bot", got="platform"),
    event(1.0, "caller", "expectation", ok=False, what="heard", want="Hi", got=["'Yo'", "\x1b[2J"]),
    event(1.0, "caller", "verdict", ok=False, reasons=["ended_by: expected bot", "heard: expected 'Hi'"]),
]
