"""The commands of a call of the simulated Teams: what each changes, what it is refused for, what its reply says."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from simulator.platforms.rest import Json, Refused, member
from simulator.platforms.teams_wire import identity_in

if TYPE_CHECKING:
    from simulator.platforms.teams_call import TeamsCall

PROMPTS_MAX: Final = 20
CONTEXT_MAX: Final = 256
RECORD_S: Final = (1, 120)
INVITED_MAX: Final = 5
STATUSES: Final = ("notRecording", "recording", "failed")


def _play(call: "TeamsCall", data: Json) -> Json:
    _check_prompts(data, PROMPTS_MAX, least=1)
    return call.begun("playPrompt", data)


def _record(call: "TeamsCall", data: Json) -> Json:
    _check_prompts(data, 1)
    if call.settings.wants_status and call.recording_status != "recording":
        raise Refused(403, 7504, "updateRecordingStatus has not said that the call is recorded.")
    least, most = RECORD_S
    for name in ("maxRecordDurationInSeconds", "initialSilenceTimeoutInSeconds", "maxSilenceTimeoutInSeconds"):
        value = data.get(name, 5)
        if not isinstance(value, int) or not least <= value <= most:
            raise Refused(400, 8523, f"{name} is {least} to {most}.")
    return call.begun("recordResponse", data)


def _subscribe(call: "TeamsCall", data: Json) -> Json:
    call.subscribe()
    return call.done("subscribeToTone", data)


def _cancel(call: "TeamsCall", data: Json) -> Json:
    call.cancel_media()
    return call.done("cancelMediaProcessing", data)


def _status(call: "TeamsCall", data: Json) -> Json:
    status = member(data, "status", str)
    if status not in STATUSES:
        raise Refused(400, 8523, f"status is one of {', '.join(STATUSES)}.")
    call.recording_status = status
    call.statuses.append(status)
    call.line.ledger.add("platform", "recording.status", status=status)
    return call.done("updateRecordingStatus", data)


def _transfer(call: "TeamsCall", data: Json) -> None:
    call.hand_over(identity_in(member(data, "transferTarget", dict)))


def _mute(call: "TeamsCall", data: Json) -> Json:
    _group(call)
    call.is_muted = True
    return call.done("muteParticipant", data)


def _unmute(call: "TeamsCall", data: Json) -> Json:
    _group(call)
    call.is_muted = False
    return call.done("unmuteParticipant", data)


def _tones(call: "TeamsCall", data: Json) -> Json:
    member(data, "tones", list)
    return call.done("sendDtmfTones", data)


def _keep_alive(call: "TeamsCall", _: Json) -> None:
    call.kept_alive_at = call.line.clock.now()
    call.news.set()


def _hang_up(call: "TeamsCall", _: Json) -> None:
    call.line.hang_up("bot")


def _invite(call: "TeamsCall", data: Json) -> Json:
    _group(call)
    invited = member(data, "participants", list)
    if not 1 <= len(invited) <= INVITED_MAX:
        raise Refused(400, 8523, f"1 to {INVITED_MAX} participants are invited at once.")
    return call.invited([identity_in(each) for each in invited], data)


def _get(call: "TeamsCall", _: Json) -> Json:
    return call.described(**call.about)


def _list(call: "TeamsCall", _: Json) -> Json:
    return {"value": call.roster()}


def _group(call: "TeamsCall") -> None:
    if not call.is_meeting:
        raise Refused(400, 8520, "The operation is for group calls.")


def _check_prompts(data: Json, most: int, *, least: int = 0) -> None:
    prompts = data.get("prompts") or []
    if not isinstance(prompts, list) or not least <= len(prompts) <= most:
        raise Refused(400, 8523, f"{least} to {most} prompts are played.")
    for prompt in prompts:
        member(prompt if isinstance(prompt, dict) else {}, "mediaInfo.uri", str)


COMMANDS: Final[dict[str, Callable[["TeamsCall", Json], Any]]] = {
    "get": _get,
    "hangUp": _hang_up,
    "transfer": _transfer,
    "playPrompt": _play,
    "recordResponse": _record,
    "subscribeToTone": _subscribe,
    "cancelMediaProcessing": _cancel,
    "updateRecordingStatus": _status,
    "mute": _mute,
    "unmute": _unmute,
    "sendDtmfTones": _tones,
    "keepAlive": _keep_alive,
    "listParticipants": _list,
    "invite": _invite,
}
"""By the names of `teams_wire.OPERATIONS`."""
