"""A call as its bot has it: the events of its ledger, read from the journal and the recordings.

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
from collections.abc import Mapping
from typing import Any

from dialtone.storage.call_rows import TurnRow
from dialtone.storage.calls import CallStore
from dialtone.storage.keys import call_key, day_of
from dialtone.storage.recordings import Recording, RecordingStore

Event = Mapping[str, Any]


async def events_of(calls: CallStore, recordings: RecordingStore, call_id: str) -> list[dict[str, Any]]:
    """The events of a call, in order; none of one that is not there. Raises StorageUnavailable."""
    turns = await calls.turns(call_id)
    if not turns:
        return []
    began = turns[0].at
    stored = await recordings_of(recordings, began, call_id)
    made = {recording.operation_id: recording for recording in stored}
    events: list[dict[str, Any]] = []
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
        for note in await calls.notes(call_id)
    ]
    events.sort(key=lambda event: float(event["t"]))
    caller = stored[0].caller if stored else _caller(turns[0])
    events.insert(0, _event(0.0, "platform", "call.started", call_id=call_id, caller=caller, at=began))
    if turns[-1].done:
        seconds = round(turns[-1].at - began, 3)
        last = _event(seconds, "platform", "call.ended", seconds=seconds, turns=len(turns), recordings=len(stored))
        events.append(last)
    return events


async def recordings_of(recordings: RecordingStore, started: float, call_id: str) -> list[Recording]:
    """The recordings of a call that began at `started` (Unix seconds). Raises StorageUnavailable."""
    day = day_of(started)
    return await recordings.list(f"{day[:4]}/{day[4:6]}/{day[6:]}/{call_key(call_id)}/")


def _turn(row: TurnRow, t: float, answered: list[Recording]) -> list[dict[str, Any]]:
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


def told(event: Event) -> str:
    """An event in words."""
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
    counts = (f"{event[f'{what}s']} {what}{'' if event[f'{what}s'] == 1 else 's'}" for what in ("turn", "recording"))
    return f"the call is over ({event['seconds']:.1f} s, {', '.join(counts)})"


def _action(action: dict[str, Any]) -> str:
    """An action and what it says."""
    play = action if action["action"] == "playPrompt" else action.get("playPrompt") or {}
    said = [prompt.get("value") or _name(prompt.get("fileUri")) for prompt in play.get("prompts", [])]
    words = " ".join(f'"{each}"' for each in said if each)
    return f"{action['action']} {words}".strip()


def _name(uri: str | None) -> str:
    return (uri or "").rpartition("/")[2]


def _caller(first: TurnRow) -> str:
    """Who rang, by the facts that a call's first turn keeps."""
    facts = json.loads(first.entries or "null")
    members = facts.get("p", []) if isinstance(facts, dict) else []
    return next((str(member[0]) for member in members if len(member) > 1 and member[1] == 1), "")
