"""The ledger of a call as its bot has it: read from the journal, in storage here or of a deployed bot.

Of a call that the simulator placed, its own ledger tells more: what was heard and when. The journal has what reached
the bot and what it answered, in the same words:

| kind           | members besides t, who, kind                                                                   |
|----------------|------------------------------------------------------------------------------------------------|
| `call.started` | call_id, caller, at (Unix seconds)                                                             |
| `http.request` | message_id, event: the kind of message, `conversation` or an outcome's type                    |
| `http.reply`   | status, json: the workflow, without its appState, which is signed for the platform alone       |
| `recorded`     | operation_id, seconds, format, bytes, reason                                                   |
| `notified`     | message_id, event, json: a notification                                                        |
| `failed`       | error: why the dialog failed                                                                   |
| `call.ended`   | seconds, turns, recordings                                                                     |

What a caller typed or said is in none of them.
"""

import json
from typing import Any

from dialtone.errors import ConfigurationError
from dialtone.ringing import Event
from dialtone.storage import Recording, Storage, TurnRow
from dialtone.stored import recordings_of
from dialtone.transcript import clock, printable


async def ledger_of(storage: Storage, call_id: str) -> list[Event]:
    """The events of a call, in order. Raises StorageUnavailable, and ConfigurationError for one that is not there."""
    latest = await storage.calls.latest(call_id)
    rows = [await storage.calls.get(call_id, number) for number in range(latest.sequence + 1)] if latest else []
    turns = [row for row in rows if row is not None]
    if not turns:
        raise ConfigurationError(
            f"the journal has no call {call_id}",
            field="CALL_ID",
            fix="name a call of this storage; DIALTONE_STORAGE says which storage that is",
        )
    began = turns[0].at
    recordings = await recordings_of(storage, began, call_id)
    made = {recording.operation_id: recording for recording in recordings}
    events: list[Event] = []
    asked: list[str] = []
    for row in turns:
        answered = [made[operation] for operation in asked if operation in made]
        events += _turn(row, round(row.at - began, 3), answered)
        asked = [action.get("operationId", "") for action in _workflow(row).get("actions", [])]
    events += [
        _event(
            round(note.at - began, 3),
            "platform",
            "notified",
            message_id=note.message_id,
            event=note.event,
            json=json.loads(note.body),
        )
        for note in await storage.calls.notes(call_id)
    ]
    events.sort(key=lambda event: float(event["t"]))
    caller = recordings[0].caller if recordings else ""
    events.insert(0, _event(0.0, "platform", "call.started", call_id=call_id, caller=caller, at=began))
    if turns[-1].done:
        seconds = round(turns[-1].at - began, 3)
        last = _event(seconds, "platform", "call.ended", seconds=seconds, turns=len(turns), recordings=len(recordings))
        events.append(last)
    return events


def lines(events: list[Event]) -> list[str]:
    """The ledger as people read it, one line for each event."""
    return [f"{clock(event['t'])}  {event['who']:<8}  {printable(_told(event))}" for event in events]


def _turn(row: TurnRow, t: float, answered: list[Recording]) -> list[Event]:
    """The events of one turn; `answered` are the recordings that the turn before asked for."""
    events = [_event(t, "platform", "http.request", message_id=row.message_id, event=row.event)]
    for each in answered:
        what = {"seconds": each.seconds, "format": each.format, "bytes": each.size, "reason": each.reason}
        events.append(_event(t, "platform", "recorded", operation_id=each.operation_id, **what))
    if row.failed:
        events.append(_event(t, "bot", "failed", error=row.failed))
    workflow = _workflow(row)
    workflow.pop("appState", None)
    return [*events, _event(t, "bot", "http.reply", status=row.status, **({"json": workflow} if workflow else {}))]


def _workflow(row: TurnRow) -> dict[str, Any]:
    # The query of a prompt's address lets anybody read the file for a while.
    return dict(json.loads(row.reply, object_hook=_without_signature)) if row.reply else {}


def _without_signature(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "fileUri": part["fileUri"].partition("?")[0]} if isinstance(part.get("fileUri"), str) else part


def _event(t: float, who: str, kind: str, **members: Any) -> dict[str, Any]:
    return {"t": t, "who": who, "kind": kind, **members}


def _told(event: Event) -> str:
    kind = event["kind"]
    if kind == "call.started":
        return f"call {event['call_id']}" + (f" of {event['caller']}" if event["caller"] else "")
    if kind == "http.request":
        return f"{event['event']} (message {event['message_id']})"
    if kind == "http.reply":
        actions = event.get("json", {}).get("actions", [])
        return ", ".join(map(_action, actions)) or f"nothing (status {event['status']})"
    if kind == "recorded":
        size = f"{event['seconds']:.1f} s, {event['bytes']:,} bytes of {event['format']}"
        return f"[REC] {size}, ended by {event['reason']}"
    if kind == "notified":
        return f"notification {event['event']}"
    if kind == "failed":
        return f"FAILED: {event['error']}"
    return f"the call is over ({event['seconds']:.1f} s, {event['turns']} turns, {event['recordings']} recordings)"


def _action(action: dict[str, Any]) -> str:
    """An action and what it says."""
    play = action if action["action"] == "playPrompt" else action.get("playPrompt") or {}
    said = [prompt.get("value") or _name(prompt.get("fileUri")) for prompt in play.get("prompts", [])]
    words = " ".join(f'"{each}"' for each in said if each)
    return f"{action['action']} {words}".strip()


def _name(uri: str | None) -> str:
    return (uri or "").rpartition("/")[2]
