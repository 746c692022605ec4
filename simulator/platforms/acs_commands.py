"""The commands of a call of the simulated ACS: what each changes, what it is refused for, what its reply says.

A command changes the call at once, or raises `Refused` with the sub-code that the platform has for it. What comes of it
is told by events, which echo its operationContext.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from simulator.line import Key, Signal
from simulator.platforms.acs_media import TONES
from simulator.platforms.acs_wire import identified, raw_id, result
from simulator.platforms.rest import Json, Refused, member

if TYPE_CHECKING:
    from simulator.platforms.acs_call import AcsCall

INPUTS: Final = frozenset({"dtmf", "choices", "speech", "speechOrDtmf"})
TEAMS_CUTS: Final = frozenset({"hold", "unhold", "mute"})
"""What is refused in Teams Phone Extensibility."""

TEXT_MAX: Final = 4000
INVITATION_MAX_S: Final = 180

FATES: Final = {"busy": (486, 8539), "declined": (603, 8538), "absent": (408, 8544)}
"""What becomes of who is called: code and sub-code."""


def _terminate(call: "AcsCall", _: Json) -> None:
    call.state = "disconnected"
    call.line.hang_up("bot")


def _play(call: "AcsCall", data: Json) -> None:
    _check_sources(member(data, "playSources", list))
    call.queue_media("play", data)


def _recognize(call: "AcsCall", data: Json) -> None:
    if member(data, "recognizeInputType", str) not in INPUTS:
        raise Refused(400, 8523, "recognizeInputType is none of " + ", ".join(sorted(INPUTS)))
    raw_id(member(data, "recognizeOptions.targetParticipant", dict))
    options = data["recognizeOptions"]
    keys = options["dtmfOptions"] if isinstance(options.get("dtmfOptions"), dict) else {}
    most = keys.get("maxTonesToCollect")
    if (data["recognizeInputType"] == "dtmf" or most is not None) and not (isinstance(most, int) and most >= 1):
        raise Refused(400, 8523, "maxTonesToCollect is 1 or more")
    _within(keys, "interToneTimeoutInSeconds", 1, 60)
    _within(options, "initialSilenceTimeoutInSeconds", 0, 300 if data["recognizeInputType"] == "dtmf" else 20)
    if data["recognizeInputType"] == "choices" and not options.get("choices"):
        raise Refused(400, 8523, "there are no choices")
    _check_sources(data.get("playPrompts") or ([data["playPrompt"]] if data.get("playPrompt") else []), least=0)
    call.queue_media("recognize", data)


def _cancelAllMediaOperations(call: "AcsCall", _: Json) -> None:
    call.cancel_media()


def _transferToParticipant(call: "AcsCall", data: Json) -> Json:
    target = raw_id(member(data, "targetParticipant", dict))
    if call.settings.teams_account and target.startswith("8:orgid:"):
        raise Refused(405, 8520, "Teams users are not supported in Teams Phone Extensibility.")
    call.transfer = (target, data)
    call.state = "transferring"
    call.news.set()
    return _context(data)


def _add(call: "AcsCall", data: Json) -> Json:
    raw = raw_id(member(data, "participantToAdd", dict))
    _within(data, "invitationTimeoutInSeconds", 1, INVITATION_MAX_S)
    if call.settings.teams_account and raw.startswith("8:orgid:"):
        raise Refused(405, 8520, "Teams users are not supported in Teams Phone Extensibility.")
    invitation, fate = call.new_id(), call.settings.answers.get(raw)
    if fate is None:
        call.participants[raw] = {"isMuted": False, "isOnHold": False}
        call.tell("AddParticipantSucceeded", data.get("operationContext"), participant=identified(raw))
        call.tell_roster()
    else:
        failed = {"participant": identified(raw), **result(*FATES[fate])}
        call.tell("AddParticipantFailed", data.get("operationContext"), **failed)
    return {"participant": {"identifier": identified(raw)}, "invitationId": invitation, **_context(data)}


def _remove(call: "AcsCall", data: Json) -> Json:
    raw = call.member_of(data, "participantToRemove")
    del call.participants[raw]
    call.tell("RemoveParticipantSucceeded", data.get("operationContext"), participant=identified(raw))
    call.tell_roster()
    return _context(data)


def _mute(call: "AcsCall", data: Json) -> Json:
    targets = member(data, "targetParticipants", list)
    if len(targets) != 1:
        raise Refused(400, 8523, "one participant is muted at a time")
    call.participants[call.known(raw_id(targets[0]))]["isMuted"] = True
    call.tell_roster()
    return _context(data)


def _cancelAddParticipant(call: "AcsCall", data: Json) -> Json:
    invitation = member(data, "invitationId", str)
    call.tell("CancelAddParticipantSucceeded", data.get("operationContext"), invitationId=invitation)
    return {"invitationId": invitation, **_context(data)}


def _moveHere(call: "AcsCall", data: Json) -> Json:
    moved = [raw_id(each) for each in member(data, "targetParticipants", list)]
    for raw in moved:
        call.participants[raw] = {"isMuted": False, "isOnHold": False}
        call.tell("MoveParticipantSucceeded", data.get("operationContext"), participant=identified(raw))
    call.tell_roster()
    return {"participants": call.roster(), "fromCall": member(data, "fromCall", str), **_context(data)}


def _startContinuousDtmfRecognition(call: "AcsCall", data: Json) -> Json:
    raw_id(member(data, "targetParticipant", dict))
    context = data.get("operationContext")

    def heard(signal: Signal) -> None:
        if isinstance(signal, Key):
            call.tones += 1
            tone = TONES[signal.key]
            call.tell("ContinuousDtmfRecognitionToneReceived", context, sequenceId=call.tones, tone=tone)

    call.line.taps[:] = [heard]
    return {}


def _stopContinuousDtmfRecognition(call: "AcsCall", data: Json) -> Json:
    raw_id(member(data, "targetParticipant", dict))
    call.line.taps.clear()
    call.tell("ContinuousDtmfRecognitionStopped", data.get("operationContext"), **result(200, 0))
    return {}


def _sendDtmfTones(call: "AcsCall", data: Json) -> Json:
    tones = member(data, "tones", list)
    raw_id(member(data, "targetParticipant", dict))
    if not 1 <= len(tones) <= 18 or not set(tones) <= set(TONES.values()):
        raise Refused(400, 8523, "1 to 18 tones can be sent")
    call.tell("SendDtmfTonesCompleted", data.get("operationContext"), **result(200, 0))
    return _context(data)


def _hold(call: "AcsCall", data: Json) -> Json:
    call.participants[call.member_of(data, "targetParticipant")]["isOnHold"] = True
    call.tell_roster()
    return {}


def _unhold(call: "AcsCall", data: Json) -> Json:
    call.participants[call.member_of(data, "targetParticipant")]["isOnHold"] = False
    call.tell_roster()
    return {}


def _startMediaStreaming(call: "AcsCall", data: Json) -> None:
    call.subscription("mediaStreamingSubscription")["state"] = "active"
    call.stream.start(call.others, data.get("operationContext"))


def _stopMediaStreaming(call: "AcsCall", data: Json) -> None:
    call.subscription("mediaStreamingSubscription")["state"] = "inactive"
    call.stream.stop(data.get("operationContext"))


def _startTranscription(call: "AcsCall", data: Json) -> None:
    call.subscription("transcriptionSubscription")["state"] = "active"
    call.write_down(data.get("operationContext"), str(data.get("locale") or ""))


def _stopTranscription(call: "AcsCall", data: Json) -> None:
    call.subscription("transcriptionSubscription")["state"] = "inactive"
    call.captions.stop(data.get("operationContext"))


def _updateTranscription(call: "AcsCall", data: Json) -> None:
    locale = member(data, "locale", str)
    call.subscription("transcriptionSubscription")["locale"] = locale
    call.captions.update(locale, data.get("operationContext"))


def _context(data: Json) -> Json:
    context = data.get("operationContext")
    return {} if context is None else {"operationContext": context}


def _check_sources(sources: list[Any], least: int = 1) -> None:
    if len(sources) < least:
        raise Refused(400, 8523, "there is nothing to play")
    for source in sources:
        kind = source.get("kind") if isinstance(source, dict) else None
        needed = {"file": "file.uri", "text": "text.text", "ssml": "ssml.ssmlText"}.get(str(kind))
        if needed is None:
            raise Refused(400, 8523, "a source is a file, a text or SSML")
        said = member(source, needed, str)
        if kind == "text" and len(said) > TEXT_MAX:
            raise Refused(400, 8523, f"a text has up to {TEXT_MAX} characters")


def _within(data: Json, name: str, least: int, most: int) -> None:
    """A number is within limits, both included; absent is within any."""
    value = data.get(name)
    if value is not None and not (type(value) in (int, float) and least <= value <= most):
        raise Refused(400, 8523, f"{name} is {least} to {most}")


COMMANDS: Final[dict[str, Callable[["AcsCall", Json], Json | None]]] = {
    "terminate": _terminate,
    "hangUp": _terminate,
    "play": _play,
    "recognize": _recognize,
    "cancelAllMediaOperations": _cancelAllMediaOperations,
    "transferToParticipant": _transferToParticipant,
    "add": _add,
    "remove": _remove,
    "mute": _mute,
    "cancelAddParticipant": _cancelAddParticipant,
    "moveHere": _moveHere,
    "startContinuousDtmfRecognition": _startContinuousDtmfRecognition,
    "stopContinuousDtmfRecognition": _stopContinuousDtmfRecognition,
    "sendDtmfTones": _sendDtmfTones,
    "hold": _hold,
    "unhold": _unhold,
    "startMediaStreaming": _startMediaStreaming,
    "stopMediaStreaming": _stopMediaStreaming,
    "startTranscription": _startTranscription,
    "stopTranscription": _stopTranscription,
    "updateTranscription": _updateTranscription,
}
"""By the names of `acs_wire.OPERATIONS`."""
