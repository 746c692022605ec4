"""The script of a caller: YAML (or JSON, which is YAML).

name: Leave a message
caller: {identity: "8:nora", name: Nora, language: en-US}  # {seed} in the identity is the call's: each is a new caller
others: ["8:omar"]                     # who else is in the call, which makes it a group call
meeting:                               # on Teams: the meeting that a group call is of, else one that the bot may join
  subject: Stand-up                    # the others may be left out, as all of these
  organizer: "8:orgid:nora"            # the caller, unless it is said
  starts: "2027-01-04T09:00:00Z"
  ends: "2027-01-04T09:30:00Z"
  link: https://teams.microsoft.com/…  # what it is joined by
  people: ["8:orgid:omar"]             # who is in it when the bot joins
platforms: [skype]                     # those on which the call is so; a storm leaves it out on others; default: all
steps:
  - hear: "press"                      # a text that contains this, in any case
  - press: "2"                         # keys 0-9 * # A B C D, one every 0.2 s
  - hear: /after the (tone|beep)/      # a regular expression, in any case
    barge_in: true                     # react when it begins, not when it ends
    pause: 1.5                         # reaction time, seconds; default 0.5
  - speak: "Hello, this is Nora."      # or {wav: message.wav}, beside the script
    who: "8:omar"                      # one of the others says it, into the media stream
  - wait: 2                            # seconds
  - hear: {prompt: thank-you}          # the base name of a prompt's file, or a text; `beep` is that of a recording
  - hear: {stream: true}               # the media stream that the bot asked for is open
  - hear: {sound: 1.5}                 # so many seconds of sound by that stream
  - hear: {own_voice: true}            # what was spoken last, coming back by that stream
  - send: {id: "{call}", callState: established}  # a message that the platform sends as it is, for odd cases: a
    to: callback                       # mapping or a text, {call} being the call's id; to the callback link or the bot
    status: 400                        # what must be answered; any 2xx when left out
  - hang_up: true
media: {jitter: 0.03, drops: [2.5]}    # what goes wrong with a media stream: simulator/media/options.py
transfer_fails: false                  # whether the platform fails to transfer this caller
faults:                                # what goes wrong on the way: simulator/faults.py
  - {duplicate: 2, at: 1}
expect:                                # each may be left out
  ended_by: bot                        # bot, caller or platform; a transfer and a reject are the bot's
  recordings: 1
  turns: 4                             # workflows that the platform took from the bot, if it takes workflows
  heard: ["saved"]                     # texts, in any order
  transferred_to: "8:sales.contoso"
  dead_air: 3                          # the bot's longest wait before a reply, its retries included, in seconds
  transcript:                          # what was said and pressed, in this order; what is left out may be between
    - bot: Welcome
    - caller: "2"                      # keys, or words
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from simulator import audio, speech
from simulator.faults import ALLOWED as ALLOWED_FAULTS
from simulator.faults import FAULTS, AnyFault, read_fault
from simulator.media.options import Casing, MediaFaults

REACTION_S: Final = 0.5

_IDENTITY: Final = r"^\d{1,8}:.{1,512}$"
_TIME: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"

Seconds = Annotated[float, Field(ge=0, le=3600)]


class ScriptError(ValueError):
    """A script that cannot be followed: says where, and what is allowed."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _expression(value: str) -> str:
    if not value.strip():
        raise ValueError("it is blank; write what is to be heard")
    if pattern := _pattern_of(value):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
    return value


def _pattern_of(value: str) -> str | None:
    return value[1:-1] if len(value) > 2 and value.startswith("/") and value.endswith("/") else None


Expression = Annotated[str, AfterValidator(_expression)]


class PromptName(_Part):
    """A prompt known by its name."""

    prompt: Annotated[str, Field(min_length=1)]


class OpenStream(_Part):
    """The media stream that the bot asked for is open."""

    stream: Literal[True]


class LiveSound(_Part):
    """Sound that comes by the media stream."""

    sound: Annotated[float, Field(gt=0, le=3600)]
    """Seconds, silence between not counted."""


class OwnVoice(_Part):
    """What the caller spoke last, coming back by the media stream."""

    own_voice: Literal[True]


class Hear(_Part):
    """Wait until something is heard."""

    hear: Expression | PromptName | OpenStream | LiveSound | OwnVoice
    barge_in: bool = False
    pause: Seconds = REACTION_S

    def matches(self, text: str | None, file: str | None) -> bool:
        """Whether a prompt with this text, or from this file, is what is waited for."""
        if isinstance(self.hear, str):
            return matches(self.hear, text or file or "")
        if not isinstance(self.hear, PromptName):
            return False
        name = self.hear.prompt.casefold()
        if file is not None:
            base = file.casefold()
            return base == name or base.startswith(f"{name}.")
        return matches(name, text or "")


class Press(_Part):
    """Press keys."""

    press: Annotated[str, Field(pattern=r"^[0-9*#A-D]+$")]


class WavFile(_Part):
    """A file to speak."""

    wav: Annotated[str, Field(min_length=1)]


class Speak(_Part):
    """Say a text, or what is in a file."""

    speak: Annotated[str, Field(min_length=1, max_length=2048)] | WavFile
    who: Annotated[str, Field(pattern=_IDENTITY)] | None = None


class Wait(_Part):
    """Let time pass."""

    wait: Seconds


class Send(_Part):
    """Make the platform send a message as it is."""

    send: dict[str, JsonValue] | Annotated[str, Field(max_length=65536)]
    to: Literal["callback", "bot"] = "callback"
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    content_type: Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,200}$")] = "application/json; charset=utf-8"

    def content(self, call_id: str) -> tuple[bytes, Any]:
        """The body, with the call's id in the place of `{call}`, and how a ledger notes it."""
        body = self.send if isinstance(self.send, str) else json.dumps(self.send, ensure_ascii=False)
        content = body.replace("{call}", call_id).encode()
        try:
            return content, json.loads(content)
        except (ValueError, RecursionError):
            return content, content.decode()


class HangUp(_Part):
    """End the call."""

    hang_up: Literal[True]


Step = Hear | Press | Speak | Wait | Send | HangUp
_STEPS: Final[dict[str, type[Step]]] = {
    "hear": Hear,
    "press": Press,
    "speak": Speak,
    "wait": Wait,
    "send": Send,
    "hang_up": HangUp,
}


def _read_step(value: Any) -> Any:
    named = [verb for verb in _STEPS if isinstance(value, dict) and verb in value]
    if len(named) != 1:
        raise ValueError(f"a step has exactly one of {', '.join(_STEPS)}")
    return _STEPS[named[0]].model_validate(value)


class Identity(_Part):
    """Who calls."""

    identity: Annotated[str, Field(pattern=_IDENTITY)] = "8:caller"
    name: str = "Caller"
    language: str = "en-US"


class BotLine(_Part):
    """Something that the bot says."""

    bot: Expression


class CallerLine(_Part):
    """Something that the caller says or presses."""

    caller: Expression


def _read_line(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        for model in (BotLine, CallerLine):
            if next(iter(value)) in model.model_fields:
                return model.model_validate(value)
    raise ValueError("a line of a transcript is {bot: words} or {caller: words or keys}")


class Expect(_Part):
    """How the call is to end."""

    ended_by: Literal["bot", "caller", "platform"] | None = None
    recordings: Annotated[int, Field(ge=0)] | None = None
    turns: Annotated[int, Field(ge=0)] | None = None
    heard: tuple[Expression, ...] = ()
    transferred_to: str | None = None
    dead_air: Annotated[float, Field(gt=0, le=3600)] | None = None
    transcript: tuple[Annotated[BotLine | CallerLine, BeforeValidator(_read_line)], ...] = ()


class Media(_Part):
    """What goes wrong with a media stream; see `simulator.media.options.MediaFaults`."""

    jitter: Annotated[float, Field(ge=0, le=5)] = 0.0
    loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    drops: tuple[Seconds, ...] = ()
    away: Annotated[float, Field(ge=0, le=60)] = 0.5
    casing: Literal["camel", "pascal", "lower", "upper", "preview"] = "camel"
    garbage: Annotated[int, Field(ge=0, le=1000)] = 0


class MeetingPart(_Part):
    """A meeting."""

    subject: Annotated[str, Field(max_length=255)] = ""
    organizer: Annotated[str, Field(pattern=_IDENTITY)] | None = None
    starts: Annotated[str, Field(pattern=_TIME)] = "2027-01-04T09:00:00Z"
    ends: Annotated[str, Field(pattern=_TIME)] = "2027-01-04T09:30:00Z"
    link: Annotated[str, Field(pattern=r"^https://\S{1,2000}$")] | None = None
    people: tuple[Annotated[str, Field(pattern=_IDENTITY)], ...] = ()


class CallSetup(Protocol):
    """What a platform has to know of a call before it rings: of a script's, or of a person's (simulator.phone)."""

    @property
    def name(self) -> str:
        """What the ledger calls it."""

    @property
    def caller(self) -> Identity:
        """Who calls."""

    @property
    def others(self) -> tuple[str, ...]:
        """Who else is in the call."""

    @property
    def meeting(self) -> MeetingPart | None:
        """The meeting that a group call is of; in a call of two, one that the bot may join."""

    @property
    def transfer_fails(self) -> bool:
        """Whether the platform fails to transfer the caller."""

    @property
    def faults(self) -> tuple[AnyFault, ...]:
        """What goes wrong on the way."""

    def media_faults(self, seed: int) -> MediaFaults:
        """What goes wrong with the streams of a call, the same for the same seed."""


class Script(_Part):
    """A caller's part in a call."""

    name: str
    caller: Identity = Identity()
    others: tuple[Annotated[str, Field(pattern=_IDENTITY)], ...] = ()
    meeting: MeetingPart | None = None
    steps: Annotated[tuple[Annotated[Step, BeforeValidator(_read_step)], ...], Field(min_length=1)]
    platforms: tuple[Literal["skype", "acs", "teams"], ...] = ()
    media: Media = Media()
    transfer_fails: bool = False
    faults: tuple[Annotated[AnyFault, BeforeValidator(read_fault)], ...] = ()
    expect: Expect = Expect()
    _sounds: dict[str, bytes] = PrivateAttr(default_factory=dict)

    def seeded(self, seed: int) -> "Script":
        """It as the call with this seed follows it."""
        identity = self.caller.identity.replace("{seed}", str(seed))
        return self.model_copy(update={"caller": self.caller.model_copy(update={"identity": identity})})

    def is_for(self, platform: str) -> bool:
        """Whether the call is on this platform as the script says."""
        return not self.platforms or platform in self.platforms

    def pcm_of(self, step: Speak) -> bytes:
        """What is spoken in a step, as PCM."""
        if isinstance(step.speak, WavFile):
            return self._sounds[step.speak.wav]
        return speech.synthesize(step.speak, speech.CALLER)

    def media_faults(self, seed: int) -> MediaFaults:
        """What goes wrong with the streams of a call, the same for the same seed."""
        return MediaFaults(**self.media.model_dump() | {"casing": Casing(self.media.casing)}, seed=seed)

    @model_validator(mode="after")
    def _speakers(self) -> "Script":
        known = {self.caller.identity, *self.others}
        for step in self.steps:
            if isinstance(step, Speak) and step.who is not None and step.who not in known:
                raise ValueError(f"{step.who} speaks, and is not in the call; name them in others")
        return self

    def load_files(self, directory: Path | None) -> None:
        """Read the files that are spoken. Raises `OSError` or `ValueError` for one that cannot be read."""
        for step in self.steps:
            if isinstance(step, Speak) and isinstance(step.speak, WavFile):
                if directory is None:
                    raise ValueError(f"{step.speak.wav}: only a script on disk may name files; speak a text")
                self._sounds[step.speak.wav] = audio.decode((directory / step.speak.wav).read_bytes(), ("wav",))


def matches(wanted: str, text: str) -> bool:
    """Whether `text` contains `wanted`, or what the regular expression `/wanted/` describes, in any case."""
    if pattern := _pattern_of(wanted):
        return re.search(pattern, text, re.IGNORECASE) is not None
    return _folded(wanted) in _folded(text)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def read_script(text: str, source: str = "script", directory: Path | None = None) -> Script:
    """Read a script; `source` names it in errors, its WAV files are looked up in `directory`.

    Raises `ScriptError`: not YAML, a member missing, unknown or with a value that is not allowed, or a WAV file
    that cannot be read. Without a directory a script may not name files.
    """
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        data = loader.construct_document(root) if root is not None else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise ScriptError(f"{source}{where}: not YAML: {getattr(error, 'problem', None) or error}") from None
    if data is None:
        raise ScriptError(f"{source} line 1: script: there is nothing in it; allowed: {_ALLOWED_SCRIPT}")
    try:
        script = Script.model_validate(data)
    except ValidationError as error:
        # A step that is refused leaves a list that is too short: that it was too short before is not said.
        found = [one for one in error.errors(include_url=False) if one["type"] != "too_short" or not one["input"]]
        # Of a value that is none of several things, the first complaint is enough.
        problems = dict(reversed([_problem(root, one) for one in found]))
        raise ScriptError(
            "\n".join(f"{source} {where}: {what}" for where, what in reversed(problems.items()))
        ) from None
    try:
        script.load_files(directory)
    except (OSError, ValueError) as error:
        raise ScriptError(f"{source}: speak: {error}") from None
    return script


def read_script_file(path: Path) -> Script:
    """Read a script and the WAV files it names, which are looked up beside it. Raises `ScriptError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read: {error}") from None
    return read_script(text, str(path), path.parent)


_ALLOWED: Final = {
    "hear": "a text, /a regular expression/, {prompt: name}, {stream: true}, {sound: seconds}, or {own_voice: true}",
    "who": 'one of the call, such as "8:omar"',
    "press": 'keys 0-9 * # A B C D in quotes, such as "2" or "#"',
    "speak": "a text of 1 to 2048 characters, or {wav: file}",
    "wait": "seconds, 0 to 3600",
    "media": f"a mapping with {', '.join(Media.model_fields)}",
    "jitter": "seconds, 0 to 5",
    "loss": "a part, 0 to 1",
    "drops": "a list of seconds",
    "away": "seconds, 0 to 60",
    "casing": ", ".join(Casing),
    "garbage": "a whole number, 0 to 1000",
    "pause": "seconds, 0 to 3600",
    "hang_up": "true",
    "barge_in": "true or false",
    "identity": 'a kind, a colon and a name, such as "8:nora"',
    "others": 'a list of identities, such as ["8:omar"]',
    "platforms": "a list of skype, acs, teams",
    "ended_by": "bot, caller or platform",
    "recordings": "a whole number from 0",
    "turns": "a whole number from 0",
    "send": "a mapping, or a text",
    "to": "callback or bot",
    "status": "a status of HTTP, 200 to 599",
    "dead_air": "seconds, above 0",
    "transcript": "a list of {bot: words} and {caller: words or keys}",
    **ALLOWED_FAULTS,
    "at": "the number of a request, from 0",
    "faults": f"a list of faults, each with one of {', '.join(FAULTS)}, and `at`",
    "steps": f"a list of steps, each with one of {', '.join(_STEPS)}",
    "caller": f"a mapping with {', '.join(Identity.model_fields)}",
    "expect": f"a mapping with {', '.join(Expect.model_fields)}",
}
_ALLOWED_SCRIPT: Final = f"a mapping with {', '.join(Script.model_fields)}"


def _problem(root: yaml.Node | None, error: Any) -> tuple[str, str]:
    """Where a script is wrong (line and field), and how: what is wrong there and what is allowed."""
    node, parent, path = root, root, []
    for part in error["loc"]:
        child = _child(node, part)
        if child is not None:
            node, parent = child, node
        elif error["type"] != "missing" or part != error["loc"][-1]:
            continue  # the library's name for a branch of a union, which the writer of a script does not know
        path.append(part)
    line = node.start_mark.line + 1 if node is not None else 1
    where = f"line {line}: {'.'.join(map(str, path)) or 'script'}"
    named = [part for part in path if isinstance(part, str)]
    if error["type"] == "extra_forbidden":
        models: dict[str, type[BaseModel]] = {**_STEPS, **FAULTS}
        step = next((model for verb, model in models.items() if _child(parent, verb) is not None), None)
        if step is not None:
            return where, f"there is no such member; allowed: {', '.join(step.model_fields)}"
        wrong, named = "there is no such member", named[:-1]
    elif error["type"] == "missing":
        wrong = "it is missing"
    else:
        wrong = str(error["msg"]).removeprefix("Value error, ")
    allowed = next((_ALLOWED[name] for name in reversed(named) if name in _ALLOWED), _ALLOWED_SCRIPT)
    return where, f"{wrong}; allowed: {allowed}"


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    return None
