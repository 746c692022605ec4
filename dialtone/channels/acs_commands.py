"""The commands of ACS Call Automation: their addresses, and the bodies that prompts and questions have.

1. Each operation has one method, one path and the statuses that mean that it was taken; any other is a refusal.
2. An operation that is `repeatable` takes the headers Repeatability-Request-ID and Repeatability-First-Sent, so one
   that is sent twice is done once. `:play` and `:recognize` take none: they are done at least once.
3. Members without a value are left out, as the official SDK does.

Source: rest-api-specs, communication/data-plane/CallAutomation; the SDK azure-communication-callautomation 1.6.0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from dialtone.channels.acs import TONES
from dialtone.channels.speech import gender_of, locale_of, needs_ssml, ssml_of
from dialtone.protocol import Prompt

API_VERSION: Final = "2025-05-15"
"""That of the SDK's 1.4.0, the first with media streaming; the kit needs nothing that came later."""

CONNECTIONS: Final = "/calling/callConnections"
RECORDINGS: Final = "/calling/recordings"
_CALL: Final = f"{CONNECTIONS}/{{connection}}"
_RECORDING: Final = f"{RECORDINGS}/{{recording}}"


class Operation(NamedTuple):
    """Rule 1. `{connection}`, `{recording}` and `{participant}` stand in the path for ids, percent-encoded."""

    method: str
    path: str
    ok: tuple[int, ...]
    repeatable: bool = False


OPERATIONS: Final[Mapping[str, Operation]] = {
    "create_call": Operation("POST", CONNECTIONS, (201,), True),
    "answer_call": Operation("POST", f"{CONNECTIONS}:answer", (200,), True),
    "connect_call": Operation("POST", f"{CONNECTIONS}:connect", (200,), True),
    "redirect_call": Operation("POST", f"{CONNECTIONS}:redirect", (204,), True),
    "reject_call": Operation("POST", f"{CONNECTIONS}:reject", (204,), True),
    "get_call_properties": Operation("GET", _CALL, (200,)),
    "leave_call": Operation("DELETE", _CALL, (204,)),
    "hang_up": Operation("POST", f"{_CALL}:terminate", (204,), True),
    "transfer_call_to_participant": Operation("POST", f"{_CALL}:transferToParticipant", (202,), True),
    "list_participants": Operation("GET", f"{_CALL}/participants", (200,)),
    "get_participant": Operation("GET", f"{_CALL}/participants/{{participant}}", (200,)),
    "add_participant": Operation("POST", f"{_CALL}/participants:add", (202,), True),
    "remove_participant": Operation("POST", f"{_CALL}/participants:remove", (202,), True),
    "mute_participant": Operation("POST", f"{_CALL}/participants:mute", (200,), True),
    "cancel_add_participant_operation": Operation("POST", f"{_CALL}/participants:cancelAddParticipant", (202,), True),
    "move_participants": Operation("POST", f"{_CALL}/participants:moveHere", (202,), True),
    "play_media": Operation("POST", f"{_CALL}:play", (202,)),
    "start_recognizing_media": Operation("POST", f"{_CALL}:recognize", (202,)),
    "cancel_all_media_operations": Operation("POST", f"{_CALL}:cancelAllMediaOperations", (202,)),
    "start_continuous_dtmf_recognition": Operation("POST", f"{_CALL}:startContinuousDtmfRecognition", (200,)),
    "stop_continuous_dtmf_recognition": Operation("POST", f"{_CALL}:stopContinuousDtmfRecognition", (200,)),
    "send_dtmf_tones": Operation("POST", f"{_CALL}:sendDtmfTones", (202,), True),
    "hold": Operation("POST", f"{_CALL}:hold", (200,)),
    "unhold": Operation("POST", f"{_CALL}:unhold", (200,)),
    "start_media_streaming": Operation("POST", f"{_CALL}:startMediaStreaming", (202,)),
    "stop_media_streaming": Operation("POST", f"{_CALL}:stopMediaStreaming", (202,)),
    "start_transcription": Operation("POST", f"{_CALL}:startTranscription", (202,)),
    "stop_transcription": Operation("POST", f"{_CALL}:stopTranscription", (202,)),
    "update_transcription": Operation("POST", f"{_CALL}:updateTranscription", (202,)),
    "start_recording": Operation("POST", RECORDINGS, (200, 202), True),
    "get_recording_properties": Operation("GET", _RECORDING, (200,)),
    "stop_recording": Operation("DELETE", _RECORDING, (204,)),
    "pause_recording": Operation("POST", f"{_RECORDING}:pause", (202,)),
    "resume_recording": Operation("POST", f"{_RECORDING}:resume", (202,)),
}
"""By the name that the official Python SDK has for it; there `leave_call` is hang_up(False)."""


@dataclass(frozen=True, slots=True)
class MediaStreaming:
    """How a call's sound goes to a WebSocket: `mixed`, or `unmixed` for a stream of each speaker; 16 or 24 kHz."""

    url: str
    unmixed: bool = True
    bidirectional: bool = True
    rate: int = 24_000
    start: bool = True
    tones: bool = True

    def wire(self) -> dict[str, Any]:
        """The member mediaStreamingOptions of answer and create."""
        return {
            "transportType": "websocket",
            "audioChannelType": "unmixed" if self.unmixed else "mixed",
            "transportUrl": self.url,
            "contentType": "audio",
            "startMediaStreaming": self.start,
            "enableBidirectional": self.bidirectional,
            "audioFormat": f"pcm{self.rate // 1000}KMono",
            "enableDtmfTones": self.tones,
        }


@dataclass(frozen=True, slots=True)
class Transcription:
    """How a call's words go to a WebSocket, which is another than that of its sound."""

    url: str
    locale: str = "en-US"
    start: bool = True
    intermediate: bool = False

    def wire(self) -> dict[str, Any]:
        """The member transcriptionOptions of answer and create."""
        return {
            "transportType": "websocket",
            "locale": self.locale,
            "transportUrl": self.url,
            "startTranscription": self.start,
            "enableIntermediateResults": self.intermediate,
        }


def stream_options(wire: Mapping[str, Any]) -> dict[str, Any]:
    """The members of answer for a stream and its captions, as `wire_of` has put them together."""
    streaming = {name: value for name, value in wire.items() if name != _CAPTIONS}
    return compact(mediaStreamingOptions=streaming, transcriptionOptions=wire.get(_CAPTIONS))


def wire_of(media: MediaStreaming, captions: Transcription | None) -> dict[str, Any]:
    """What a media answer is told: mediaStreamingOptions, with transcriptionOptions as a member of it."""
    return media.wire() | ({_CAPTIONS: captions.wire()} if captions else {})


_CAPTIONS: Final = "transcriptionOptions"


@dataclass(frozen=True, slots=True)
class Setup:
    """What all calls of a bot have. `callback` takes their events, `sounds` is where the kit's own files are.

    `speech` is the address of the AI services resource that speaks and understands; empty for none: then texts and
    words are refused by the platform (405/8522), and files and keys still work. A call that was answered or placed
    without `media` cannot have a stream.
    """

    callback: str
    sounds: str
    speech: str = ""
    media: MediaStreaming | None = None
    transcription: Transcription | None = None

    def options(self) -> dict[str, Any]:
        """The members that answer and create share."""
        return compact(
            callbackUri=self.callback,
            callIntelligenceOptions={"cognitiveServicesEndpoint": self.speech} if self.speech else None,
            mediaStreamingOptions=self.media.wire() if self.media else None,
            transcriptionOptions=self.transcription.wire() if self.transcription else None,
        )


@dataclass(frozen=True, slots=True)
class CallRefs:
    """What a call's commands need of it. `context` is known only while it rings.

    `called` is whom the caller called.
    """

    caller: str
    server_call_id: str = ""
    context: str = ""
    is_teams_phone: bool = False
    called: str = ""


def path_of(operation: str, *, connection: str = "", recording: str = "", participant: str = "") -> str:
    """The path of an operation, without its query."""
    ids = {"connection": connection, "recording": recording, "participant": participant}
    return OPERATIONS[operation].path.format(**{name: quote(value, safe="") for name, value in ids.items()})


def compact(**members: Any) -> dict[str, Any]:
    """Rule 3."""
    return {name: value for name, value in members.items() if value is not None}


def create_call(
    setup: Setup, target: dict[str, Any], context: str, *, caller_id: str = "", teams_app: str = ""
) -> dict[str, Any]:
    """The body of create_call: from a number of the resource (`+15550100`), or from a Teams resource account (oid)."""
    return compact(
        targets=[target],
        sourceCallerIdNumber={"value": caller_id} if caller_id and not teams_app else None,
        teamsAppSource={"appId": teams_app} if teams_app else None,
        operationContext=context,
        **setup.options(),
    )


def sources_of(prompts: Sequence[Prompt], setup: Setup) -> list[dict[str, Any]]:
    """What is played for prompts: a silence is a file of the kit's own, and goes before its text or file."""
    sources = []
    for prompt in prompts:
        if prompt.silence_length_in_milliseconds:
            sources.append(file_source(f"{setup.sounds}silence-{prompt.silence_length_in_milliseconds}.wav"))
        if prompt.file_uri:
            sources.append(file_source(prompt.file_uri))
        elif prompt.value and prompt.value.strip():
            sources.append(_spoken(prompt, prompt.value))
    return sources


def recording_of_the_call(refs: CallRefs, setup: Setup, form: str, channels: str) -> dict[str, Any]:
    """The body that begins a recording of a whole call, `mixed` or `unmixed`."""
    return {
        "callLocator": {"serverCallId": refs.server_call_id, "kind": "serverCallLocator"},
        "recordingContentType": "audio",
        "recordingChannelType": channels,
        "recordingFormatType": form,
        "recordingStateCallbackUri": setup.callback,
    }


def file_source(uri: str) -> dict[str, Any]:
    """A file to play: WAV (PCM, 16 kHz, 16 bit, mono) or MP3, at an address that the platform reaches."""
    return {"kind": "file", "file": {"uri": uri}}


def _spoken(prompt: Prompt, text: str) -> dict[str, Any]:
    if text.startswith("<speak"):
        # An operator's upload (dialtone/gate/texts.py), with a voice of its own.
        return {"kind": "ssml", "ssml": {"ssmlText": text}}
    if needs_ssml(prompt):
        return {"kind": "ssml", "ssml": {"ssmlText": ssml_of(prompt, text)}}
    voice = {"text": text, "sourceLocale": locale_of(prompt), "voiceKind": str(gender_of(prompt))}
    return {"kind": "text", "text": voice}


_NAMES: Final = {key: name for name, key in TONES.items()}


def tone_names(keys: str) -> list[str]:
    """The platform's names for keys."""
    return [_NAMES[key] for key in keys]


def whole_seconds(value: float | None, default: float) -> int:
    """Whole seconds, which is what ACS takes; never fewer than were asked for."""
    given = default if value is None else value
    return -int(-given // 1)
