"""The calling contract as a JSON Schema (draft 2020-12).

1. It says what a message looks like as it is written: exact names, no nulls, known values. A reader is more tolerant
   (`dialtone.protocol.model`): it takes names in any case, and a value that it does not know for `unknown`.
2. Members that are not named are allowed everywhere, as the API's versioning note asks.
3. Limits are those of `dialtone.protocol.rules`. What a schema cannot say, such as the order of actions, that two
   choices have different keys, or the length of an indented text, is in the rules alone.
"""

import re
from enum import EnumMeta
from typing import Any, Final

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from dialtone.protocol import rules
from dialtone.protocol.actions import ACTIONS, Action
from dialtone.protocol.commands import COMMANDS
from dialtone.protocol.conversation import Conversation, ConversationResult
from dialtone.protocol.enums import ContractEnum
from dialtone.protocol.media import MEDIA_ACTIONS, MediaWorkflow, VideoSubscription
from dialtone.protocol.notifications import NOTIFICATIONS
from dialtone.protocol.outcomes import OUTCOMES, Outcome
from dialtone.protocol.workflow import Workflow

Schema = dict[str, Any]

_OUTCOMES: Final = {kind: model for kind, model in OUTCOMES.items() if kind.removesuffix("Outcome") not in COMMANDS}
"""Those on the wire."""

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

MESSAGES: Final[tuple[type[BaseModel], ...]] = (
    Conversation,
    ConversationResult,
    Workflow,
    *NOTIFICATIONS.values(),
    MediaWorkflow,
    VideoSubscription,
)
"""What goes over the wire by itself."""

_NOT_BLANK: Final[Schema] = {"pattern": r"\S"}
_LINK: Final[Schema] = {"format": "uri"}
_APP_STATE: Final[Schema] = {"maxLength": rules.APP_STATE_MAX}
_SUBSCRIPTIONS: Final[Schema] = {"items": {"enum": list(NOTIFICATIONS)}}
_KEY: Final[Schema] = {"enum": sorted(rules.DTMF)}
_CULTURE: Final[Schema] = {"const": rules.CULTURE}
_ANSWERED_WITH: Final[Schema] = {"uniqueItems": True, "items": {"enum": ["audio", "video"]}}
_TRANSFER_TARGET: Final[Schema] = {
    "properties": {
        "identity": {"pattern": f"^({'|'.join(rules.TRANSFER_KINDS)})"},
        "originator": {"const": False},
    },
}


def _between(limits: tuple[int, int]) -> Schema:
    return {"minimum": limits[0], "maximum": limits[1]}


def _one_of(*names: str) -> Schema:
    return {"oneOf": [{"required": [name]} for name in names]}


_INITIAL_SILENCE: Final = _between(rules.INITIAL_SILENCE_S)

_LIMITS: Final[dict[str, dict[str, Schema]]] = {
    "Conversation": {
        "id": _NOT_BLANK,
        "participants": {"minItems": 1},
        "presentedModalityTypes": {"minItems": 1},
        "appState": _APP_STATE,
    },
    "ConversationResult": {"id": _NOT_BLANK, "appState": _APP_STATE},
    "Participant": {"identity": _NOT_BLANK},
    "Workflow": {"actions": {"minItems": 1}, "appState": _APP_STATE, "notificationSubscriptions": _SUBSCRIPTIONS},
    "MediaWorkflow": {"actions": {"maxItems": 1}, "appState": _APP_STATE, "notificationSubscriptions": _SUBSCRIPTIONS},
    "WorkflowLinks": {"callback": _LINK, "notification": _LINK},
    "Answer": {"acceptModalityTypes": _ANSWERED_WITH},
    "PlayPrompt": {"prompts": {"minItems": 1}},
    "Prompt": {
        "value": {"maxLength": rules.PROMPT_TEXT_MAX},
        "fileUri": _LINK,
        "culture": _CULTURE,
        "silenceLengthInMilliseconds": _between((0, rules.PROMPT_SILENCE_MAX_MS)),
    },
    "Record": {
        "maxDurationInSeconds": {**_between(rules.RECORD_DURATION_S), "default": rules.RECORD_DURATION_DEFAULT_S},
        "initialSilenceTimeoutInSeconds": {**_INITIAL_SILENCE, "default": rules.INITIAL_SILENCE_DEFAULT_S},
        "maxSilenceTimeoutInSeconds": {**_between(rules.MAX_SILENCE_S), "default": rules.MAX_SILENCE_DEFAULT_S},
        "recordingFormat": {"default": str(rules.RECORDING_FORMAT_DEFAULT)},
        "stopTones": {"items": _KEY, "minItems": 1, "maxItems": rules.STOP_TONES_MAX},
    },
    "Recognize": {
        "culture": _CULTURE,
        "initialSilenceTimeoutInSeconds": {**_INITIAL_SILENCE, "default": rules.INITIAL_SILENCE_DEFAULT_S},
        "interdigitTimeoutInSeconds": {**_between(rules.INTERDIGIT_S), "default": rules.INTERDIGIT_DEFAULT_S},
        "choices": {"minItems": 1},
    },
    "RecognitionOption": {
        "name": _NOT_BLANK,
        "speechVariation": {"items": {"type": "string", **_NOT_BLANK}, "maxItems": rules.WORDS_MAX},
        "dtmfVariation": _KEY,
    },
    "CollectDigits": {
        "maxNumberOfDtmfs": _between(rules.DIGITS_MAX),
        "stopTones": {"items": _KEY, "maxItems": rules.STOP_TONES_MAX},
    },
    "Transfer": {"target": _TRANSFER_TARGET},
    "PlaceCall": {
        "appId": _NOT_BLANK,
        "modalityTypes": _ANSWERED_WITH,
        "participantLegMetadata": {"maxLength": rules.LEG_METADATA_MAX},
    },
    "VideoSubscription": {
        "socketId": _between(rules.VIDEO_SOCKETS),
        "participantIdentity": _NOT_BLANK,
        "videoModality": {"enum": ["video", "videoBasedScreenSharing"]},
    },
    "RosterUpdate": {"id": _NOT_BLANK, "participants": {"minItems": 1}},
    "CallStateChange": {"id": _NOT_BLANK},
}
"""Limits of members, by message and by name."""

_WHOLE: Final[dict[str, Schema]] = {
    "Prompt": {"not": {"required": ["value", "fileUri"], "properties": {"value": _NOT_BLANK}}},
    "Recognize": _one_of("choices", "collectDigits"),
    "RecognitionOption": {"anyOf": [{"required": ["speechVariation"]}, {"required": ["dtmfVariation"]}]},
    "CollectDigits": {"anyOf": [{"required": ["maxNumberOfDtmfs"]}, {"required": ["stopTones"]}]},
    "MediaWorkflow": {"required": ["links"]},
    "JoinCallAppHostedMedia": _one_of("joinToken", "meetingInfo"),
    "Conversation": {
        "if": {"properties": {"isMultiparty": {"const": True}}, "required": ["isMultiparty"]},
        "then": {"required": ["threadId"], "properties": {"threadId": _NOT_BLANK}},
    },
}
"""What holds for a message as a whole."""


def contract_schema() -> Schema:
    """The schema: any message by itself at its top, each of them and all that they are made of in `$defs`."""
    models = [*MESSAGES, *ACTIONS.values(), *MEDIA_ACTIONS.values(), *_OUTCOMES.values()]
    _, found = models_json_schema([(model, "validation") for model in dict.fromkeys(models)], by_alias=True)
    definitions: dict[str, Schema] = {name: _plain(schema) for name, schema in found["$defs"].items()}
    del definitions["Prompt"]["properties"]["blobName"]
    for enum in ContractEnum.__subclasses__():
        _only_known(definitions, enum)
    for actions in (ACTIONS, MEDIA_ACTIONS, {VideoSubscription.kind: VideoSubscription}):
        for kind, action in actions.items():
            _named(definitions[action.__name__], "action", [kind])
            definitions[action.__name__]["properties"]["operationId"] |= _NOT_BLANK
    for outcome in dict.fromkeys(_OUTCOMES.values()):
        _named(definitions[outcome.__name__], "type", [kind for kind, model in _OUTCOMES.items() if model is outcome])
        definitions[outcome.__name__]["properties"]["id"] |= _NOT_BLANK
    for kind, notification in NOTIFICATIONS.items():
        _named(definitions[notification.__name__], "type", [kind])
    definitions["Workflow"]["properties"]["actions"]["items"] = _any_of(
        model for kind, model in ACTIONS.items() if kind in rules.RANKS
    )
    definitions["MediaWorkflow"]["properties"]["actions"]["items"] = _any_of(MEDIA_ACTIONS.values())
    definitions["ConversationResult"]["properties"]["operationOutcome"] = _any_of(dict.fromkeys(_OUTCOMES.values()))
    for base in (Action, Outcome):
        definitions.pop(base.__name__, None)
    for name, members in _LIMITS.items():
        for member, limits in members.items():
            definitions[name]["properties"][member] |= limits
    for name, whole in _WHOLE.items():
        definitions[name] |= whole
    return {
        "$schema": DRAFT,
        "title": "Skype Calling contract",
        "description": "The messages that a calling platform and a bot exchange.",
        **_any_of(MESSAGES),
        "$defs": dict(sorted(definitions.items())),
    }


def _any_of(models: Any) -> Schema:
    return {"anyOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in models]}


def _plain(value: Any) -> Any:
    """Rule 1, without what only the library has a use for."""
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if not isinstance(value, dict):
        return value
    schema = {name: _plain(member) for name, member in value.items() if name != "title"}
    if schema.get("default", ...) is None:
        del schema["default"]
    if isinstance(text := schema.get("description"), str):
        summary = " ".join(text.partition("\n\n")[0].split())
        schema["description"] = re.sub(r"`(\w+)`", lambda name: f"`{to_camel(name[1])}`", summary)
    if isinstance(options := schema.get("anyOf"), list):
        # An optional member; a number that may be whole.
        left = [option for option in options if option not in ({"type": "null"}, {"type": "integer"})]
        if len(left) == 1:
            del schema["anyOf"]
            schema |= left[0]
    return schema


def _only_known(definitions: dict[str, Schema], enum: EnumMeta) -> None:
    if enum.__name__ in definitions:
        known = definitions[enum.__name__]
        known["enum"] = [value for value in known["enum"] if value != "unknown"]


def _named(schema: Schema, member: str, kinds: list[str]) -> None:
    """A message that is known by the value of one of its members, which it always has."""
    schema["properties"][member] = {"const": kinds[0]} if len(kinds) == 1 else {"enum": kinds}
    schema["required"] = list(dict.fromkeys([*schema.get("required", ()), member]))
