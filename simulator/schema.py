"""The JSON Schema (2020-12) of a caller's script, for editors."""

from typing import Any, Final

from simulator.faults import ALLOWED
from simulator.script import Script

ADDRESS: Final = "https://json-schema.org/draft/2020-12/schema"
_EXPRESSION: Final = "A text that is contained, in any case, or a /regular expression/."
_MEMBERS: Final[dict[str, dict[str, str]]] = {
    "Script": {
        "name": "What the call is called; the ids of the call come from it and the seed.",
        "caller": "Who calls.",
        "others": "Who else is in the call, which makes it a group call.",
        "meeting": "The meeting that a group call is of; in a call of two, one that the bot may join. On Teams.",
        "platforms": "Those on which the call is so, all when left out; a storm leaves the script out on others.",
        "steps": "What the caller does, one after the other.",
        "media": "What goes wrong with the media stream that a bot opens.",
        "transfer_fails": "Whether the platform fails to transfer this caller.",
        "faults": "What goes wrong on the way, each fault at one request of the platform; 0 is the first.",
        "expect": "How the call is to end. What is left out is not looked at.",
    },
    "MeetingPart": {
        "subject": "As it is in the invitation.",
        "organizer": "Whose meeting it is; the caller, unless it is said.",
        "starts": "When it begins, UTC.",
        "ends": "When it ends, UTC.",
        "link": "What it is joined by.",
        "people": "Who is in it when the bot joins.",
    },
    "Hear": {
        "hear": _EXPRESSION,
        "barge_in": "React when it begins, not when it ends.",
        "pause": "Reaction time, in seconds.",
    },
    "PromptName": {"prompt": "The base name of a prompt's file, without language and ending; or a text."},
    "OpenStream": {"stream": "The media stream that the bot asked for is open."},
    "LiveSound": {"sound": "Seconds of sound that came by the media stream, silence not counted."},
    "OwnVoice": {"own_voice": "What was spoken last came back by the media stream."},
    "Media": {
        "jitter": "Each message is late by up to so many seconds.",
        "loss": "The part of the frames of sound that never comes.",
        "drops": "The connection breaks so many seconds after the stream began.",
        "away": "Seconds until the platform connects again.",
        "casing": "How the platform writes the names of members.",
        "garbage": "Messages that are not JSON, before the sound.",
    },
    "Press": {"press": "Keys 0-9 * # A B C D, one every 0.2 s."},
    "Speak": {
        "speak": "A text, or {wav: file} with a file beside the script.",
        "who": "Who says it, if it is not the caller: one of the others, into the media stream.",
    },
    "WavFile": {"wav": "A WAV file beside the script."},
    "Wait": {"wait": "Seconds."},
    "Send": {
        "send": "A message that the platform sends as it is; {call} in it is the call's id.",
        "to": "Where it goes: the callback link of the last workflow, or the bot's own address.",
        "status": "The status that must be answered; any 2xx when left out.",
        "content_type": "The type of the message.",
    },
    "HangUp": {"hang_up": "End the call."},
    "Identity": {
        "identity": 'A kind, a colon and a name: "8:nora", "4:+15550100"; {seed} in it is the seed of the call.',
        "name": "As it is shown.",
        "language": "The caller's language.",
    },
    "Expect": {
        "ended_by": "Who ended the call; a transfer and a reject are the bot's.",
        "recordings": "How many recordings were made.",
        "turns": "How many workflows the platform took from the bot.",
        "heard": "What was heard, in any order.",
        "transferred_to": "The identity to which the call was transferred.",
        "dead_air": "The bot's longest wait before a reply, its retries included, in seconds.",
        "transcript": "What was said and pressed, in this order; what is left out may be between.",
    },
    "BotLine": {"bot": _EXPRESSION},
    "CallerLine": {"caller": f"Keys, or words: {_EXPRESSION}"},
}


def script_schema() -> dict[str, Any]:
    """The schema. Each member says what it is for."""
    schema = Script.model_json_schema()
    definitions = schema.pop("$defs")
    for model, part in [("Script", schema), *definitions.items()]:
        part.pop("title", None)
        for name, member in part.get("properties", {}).items():
            member.pop("title", None)
            told = _MEMBERS.get(model, {}).get(name) or _of_fault(name)
            if told is not None:
                member["description"] = told
    return {"$schema": ADDRESS, "title": "Dialtone call script", **schema, "$defs": definitions}


def _of_fault(name: str) -> str | None:
    if name == "at":
        return "The number of the request, from 0."
    return f"{ALLOWED[name].capitalize()}." if name in ALLOWED else None
