"""The ACS channel, inwards: what Event Grid posts (`POST /api/acs/events`), read into calls that ring and recordings.

1. Two schemas are read, by the members that they have: `eventType` is Event Grid's own, `specversion` CloudEvents. The
   body is an array, or one event. Its handshakes are a validation event, and OPTIONS for CloudEvents.
2. Delivery is at least once and in no order. An event that cannot be read is an `Unreadable` and spoils no other of its
   batch: Event Grid drops what is refused with 4xx, so only a body that is no JSON of events is refused.
3. A call is known by its correlation id and the number that was called: a call that is redirected to another recipient
   is a second IncomingCall with the same correlation id.

Source: https://learn.microsoft.com/azure/event-grid/
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from dialtone.channels.acs import PREFIX, Unreadable, data_of, events_of, raw_id_of, text_of, unix_seconds
from dialtone.errors import BadMessage
from dialtone.protocol import CallState, Conversation, ModalityType, Participant

VALIDATION: Final = "Microsoft.EventGrid.SubscriptionValidationEvent"
INCOMING: Final = f"{PREFIX}IncomingCall"
RECORDING_FILE: Final = f"{PREFIX}RecordingFileStatusUpdated"
DOWNLOAD_WITHIN_S: Final = 24 * 3600
"""Seconds for which the platform keeps a recording."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Event Grid asks whether the address is ours: the reply is 200 with `validation_reply`."""

    code: str


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """Somebody rings. `context` answers, rejects or redirects the call within about 30 seconds."""

    correlation_id: str
    to: str
    caller: str
    caller_name: str
    server_call_id: str
    context: str
    on_behalf_of: str = ""

    @property
    def call_id(self) -> str:
        """What the call is known by here, the same for each delivery. Rule 3."""
        return f"{self.correlation_id}-{hashlib.sha256(self.to.encode()).hexdigest()[:8]}"

    def conversation(self) -> Conversation:
        """The call as the contract has it: the caller and the number, user or Teams app that was called."""
        return Conversation(
            id=self.call_id,
            participants=[
                Participant(identity=self.caller, display_name=self.caller_name or None, originator=True),
                Participant(identity=self.to, originator=False),
            ],
            presented_modality_types=[ModalityType.AUDIO],
            call_state=CallState.INCOMING,
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A file of a recording. `metadata` and `delete` are empty where the platform left them out."""

    document_id: str
    index: int
    content: str
    metadata: str
    delete: str
    end_reason: str


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A recording can be fetched, for DOWNLOAD_WITHIN_S seconds from `at` (Unix seconds).

    After a failover two files may have the same recording id.
    """

    recording_id: str
    server_call_id: str
    chunks: tuple[Chunk, ...]
    seconds: float
    at: float


@dataclass(frozen=True, slots=True)
class Other:
    """An event of a type that nothing here is for."""

    type: str


GridEvent = Validation | IncomingCall | RecordingFile | Other | Unreadable


def parse_grid(body: bytes) -> list[GridEvent]:
    """Read what Event Grid posts. Raises `BadMessage` for what is no JSON object or array of them."""
    return [_grid_event(event) for event in events_of(body)]


def validation_reply(events: Sequence[GridEvent]) -> bytes | None:
    """The reply to Event Grid's own handshake, to be sent with status 200 (202 is not taken); None for other posts."""
    code = next((event.code for event in events if isinstance(event, Validation)), None)
    return None if code is None else json.dumps({"validationResponse": code}).encode()


def permission(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of the reply to the handshake of CloudEvents (OPTIONS), by those of the request, in lower case.

    Raises `BadMessage` when nobody asks.
    """
    origin = headers.get("webhook-request-origin", "")
    if not origin:
        raise BadMessage(
            "nobody asks for permission to post",
            field="WebHook-Request-Origin",
            code="GRID_HANDSHAKE",
            fix="send WebHook-Request-Origin, as Event Grid does",
        )
    rate = headers.get("webhook-request-rate", "")
    allowed = {"WebHook-Allowed-Origin": origin, "Allow": "POST"}
    return allowed | ({"WebHook-Allowed-Rate": rate} if rate else {})


def _grid_event(event: Mapping[str, Any]) -> GridEvent:
    """Rules 1 and 2."""
    kind = text_of(event, "type") if "specversion" in event else text_of(event, "eventType")
    data = data_of(event)
    if kind == VALIDATION:
        code = text_of(data, "validationCode")
        return Validation(code) if code else Unreadable(kind, "validationCode is missing")
    if kind == INCOMING:
        return _incoming(data)
    if kind == RECORDING_FILE:
        return _recording_file(event, data)
    return Other(kind) if kind else Unreadable("", "neither eventType nor specversion and type are there")


def _incoming(data: Mapping[str, Any]) -> IncomingCall | Unreadable:
    call = IncomingCall(
        correlation_id=text_of(data, "correlationId"),
        to=raw_id_of(data.get("to")),
        caller=raw_id_of(data.get("from")),
        caller_name=text_of(data, "callerDisplayName"),
        server_call_id=text_of(data, "serverCallId"),
        context=text_of(data, "incomingCallContext"),
        on_behalf_of=raw_id_of(data.get("onBehalfOfCallee")),
    )
    needs = {
        "correlationId": call.correlation_id,
        "to": call.to,
        "from": call.caller,
        "incomingCallContext": call.context,
    }
    missing = [name for name, value in needs.items() if not value]
    return Unreadable(INCOMING, f"{', '.join(missing)} is missing") if missing else call


def _recording_file(event: Mapping[str, Any], data: Mapping[str, Any]) -> RecordingFile | Unreadable:
    """The subject names the recording: `/recording/call/{}/serverCallId/{}/recordingId/{}`, once without the second."""
    parts = text_of(event, "subject").split("/")
    named = dict(pairwise(parts))
    info = data.get("recordingStorageInfo")
    listed = info.get("recordingChunks") if isinstance(info, dict) else None
    chunks = [
        Chunk(
            document_id=text_of(each, "documentId"),
            index=each["index"] if isinstance(each.get("index"), int) else place,
            content=text_of(each, "contentLocation"),
            metadata=text_of(each, "metadataLocation"),
            delete=text_of(each, "deleteLocation"),
            end_reason=text_of(each, "endReason"),
        )
        for place, each in enumerate(listed if isinstance(listed, list) else ())
        if isinstance(each, dict) and each.get("contentLocation")
    ]
    if not named.get("recordingId") or not chunks:
        return Unreadable(RECORDING_FILE, "no recordingId in the subject, or no chunk with a contentLocation")
    duration = data.get("recordingDurationMs")
    return RecordingFile(
        recording_id=named["recordingId"],
        server_call_id=named.get("serverCallId", ""),
        chunks=tuple(sorted(chunks, key=lambda chunk: chunk.index)),
        seconds=duration / 1000 if isinstance(duration, int | float) else 0.0,
        at=unix_seconds(text_of(event, "time") or text_of(event, "eventTime")),
    )
