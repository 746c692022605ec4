"""The history of a call: all that is kept between two of its turns.

It is written as compact JSON so that a usual call fits into the platform's appState.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from dialtone.dialogs.user import User
from dialtone.errors import AppStateRejected
from dialtone.protocol import CallState, Conversation, ModalityType, Participant
from dialtone.protocol.rules import DTMF

Entry = list[Any]
"""One outcome: [fingerprint of the request, code, reason, value, how the call ended, who was in the call if that had
changed]; falsy tails are left out.
"""

Consent = Literal["", "given", "refused"]
"""Whether a caller agreed to be recorded; empty while nobody has asked."""

StreamState = Literal["", "open", "stopped", "over"]
"""How a call's media stream is: there was none, it is open or about to be, the platform was told to end it, its end is
known.
"""

SEALED: Final = "!"
"""What a value begins with that was typed in secret (dialtone/dialogs/secret.py); no key of a telephone does."""

VERSION: Final = 1
AUDIO_ONLY: Final = (ModalityType.AUDIO,)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What the first request of a call said. `started` is in seconds since 1970, UTC."""

    call_id: str
    started: float
    participants: tuple[Participant, ...]
    is_multiparty: bool = False
    thread_id: str | None = None
    subject: str | None = None
    modalities: tuple[ModalityType, ...] = AUDIO_ONLY

    @classmethod
    def of(cls, conversation: Conversation, started: float) -> "CallFacts":
        """The facts of a call that begins now. Times are kept in whole milliseconds."""
        return cls(
            call_id=conversation.id,
            started=round(started, 3),
            # As later turns will read them: a dialog must see the same in each.
            participants=tuple(_participant_in(_participant_out(member)) for member in conversation.participants),
            is_multiparty=conversation.is_multiparty,
            thread_id=conversation.thread_id or None,
            subject=conversation.subject or None,
            modalities=tuple(conversation.presented_modality_types),
        )

    @property
    def caller(self) -> Participant | None:
        """The participant who started the call."""
        return next((member for member in self.participants if member.originator), None)

    @property
    def conversation(self) -> str:
        """What the conversation is known by: the thread of a group call, else the call."""
        return (self.is_multiparty and self.thread_id) or self.call_id

    @property
    def started_at(self) -> datetime:
        """When the call began, UTC."""
        return datetime.fromtimestamp(self.started, UTC)


class RecordingMarks(NamedTuple):
    """What is kept with a recording: whether the caller agreed to it, and its class of retention (empty: the usual)."""

    consent: Consent = ""
    keep: str = ""


class History(NamedTuple):
    """Everything a turn needs to know of the turns before it.

    `sequence` is the number of the last turn that was taken (-1 before the first); `pending` the fingerprint of the
    request that its workflow asked, empty when the dialog is over (`done`); `state` the state of the call that the
    platform last reported; `polled` how often it was kept waiting for the signal that is awaited. When the dialog
    began, `roster` had the identities of those who were in the call, if they were not those of its facts any more;
    `user` was whom `CallBot.lookup_user` had found, `language` the one that a dialog had chosen, `heard` had the ids of
    the signals that had been taken, `consent` said whether the caller had agreed to be recorded, `streams` how many
    media streams had been asked for, and `stream` how the last of them was. `private` says that private data was in
    use; `recording` is what goes with the recording that is `pending`; `media` names the handler of the last stream.
    """

    facts: CallFacts
    dialog: str
    args: dict[str, Any] = {}  # A dialog is given a copy.
    entries: tuple[Entry, ...] = ()
    sequence: int = -1
    pending: str = ""
    answered: bool = False
    done: bool = False
    state: CallState = CallState.INCOMING
    roster: tuple[str, ...] | None = None
    user: User | None = None
    language: str = ""
    heard: tuple[str, ...] = ()
    private: bool = False
    polled: int = 0
    consent: Consent = ""
    recording: RecordingMarks | None = None
    media: str = ""
    streams: int = 0
    stream: StreamState = ""

    def without_typed(self, text: str, opened: Callable[[str], str] = lambda sealed: sealed) -> str:
        """A text in which what the caller typed, three keys or more, is replaced by asterisks; `opened` gives what a
        sealed value has.
        """
        for entry in self.entries:
            value = entry[3] if len(entry) > 3 else None
            if isinstance(value, str) and value.startswith(SEALED):
                value = opened(value)
            if isinstance(value, str) and len(value) > 2 and DTMF.issuperset(value):
                text = text.replace(value, "*" * len(value))
        return text

    def to_json(self) -> str:
        """The history without its call id and sequence, which travel beside it."""
        facts = self.facts
        document = {
            "v": VERSION,
            "t": facts.started,
            "p": [_participant_out(member) for member in facts.participants],
            "g": int(facts.is_multiparty),
            "th": facts.thread_id,
            "s": facts.subject,
            "m": [str(modality) for modality in facts.modalities] if facts.modalities != AUDIO_ONLY else None,
            "d": self.dialog,
            "a": self.args,
            "r": self.roster,
            "u": self.user,
            "l": self.language,
            "h": self.heard,
            "k": self.consent,
            "o": self.recording,
            "b": int(self.private),
            "w": self.polled,
            "mh": self.media,
            "mn": self.streams,
            "mo": self.stream,
            "e": self.entries,
            "q": self.pending,
            "n": int(self.answered),
            "x": int(self.done),
            "c": self._odd_state(),
        }
        return dumps({name: value for name, value in document.items() if value})

    @classmethod
    def from_json(cls, text: str, *, call_id: str, sequence: int) -> "History":
        """Read what `to_json` wrote. Raises `AppStateRejected` when it was written by another version."""
        return cls._from_document(json.loads(text), call_id=call_id, sequence=sequence)

    @classmethod
    def _from_document(cls, document: dict[str, Any], *, call_id: str, sequence: int) -> "History":
        if document.get("v") != VERSION:
            raise AppStateRejected(
                "the history was written by another version of the kit",
                field="appState",
                fix="let calls in progress end before a new major version is deployed",
            )
        facts = CallFacts(
            call_id=call_id,
            started=document.get("t", 0.0),
            participants=tuple(_participant_in(member) for member in document.get("p", ())),
            is_multiparty=bool(document.get("g")),
            thread_id=document.get("th"),
            subject=document.get("s"),
            modalities=tuple(ModalityType(name) for name in document.get("m", AUDIO_ONLY)),
        )
        return cls(
            facts=facts,
            dialog=document.get("d", ""),
            args=document.get("a", {}),
            entries=tuple(document.get("e", ())),
            sequence=sequence,
            pending=document.get("q") or "",
            answered=bool(document.get("n")),
            done=bool(document.get("x")),
            state=CallState(state) if (state := document.get("c")) else _usual_state(sequence),
            roster=tuple(roster) if (roster := document.get("r")) else None,
            user=User(*user) if (user := document.get("u")) else None,
            language=document.get("l", ""),
            heard=tuple(document.get("h", ())),
            private=bool(document.get("b")),
            polled=document.get("w") or 0,
            consent=document.get("k", ""),
            recording=RecordingMarks(*marks) if (marks := document.get("o")) else None,
            media=document.get("mh") or "",
            streams=document.get("mn") or 0,
            stream=document.get("mo") or "",
        )

    def _odd_state(self) -> str:
        """The state, when it is not the one that a call is in nearly always: only that is worth its characters."""
        return "" if self.state is _usual_state(self.sequence) else str(self.state)

    def row_json(self, before: "History | None", whole: str) -> tuple[str, bool]:
        """What the journal's row of this turn keeps, and whether the history begins anew with it.

        A row keeps what the turn added to the history `before`; the first row, and one in which the dialog was
        replaced, keep the whole (`to_json`, which the caller has).
        """
        if before is None or self.restarted(before):
            return whole, True
        added = {
            "e": self.entries[len(before.entries) :],
            "q": self.pending,
            "n": int(self.answered),
            "x": int(self.done),
            "c": self._odd_state(),
            "b": int(self.private),
            "w": self.polled,
            "o": self.recording,
            "mh": self.media,
        }
        return dumps({name: value for name, value in added.items() if value}), False

    def restarted(self, before: "History") -> bool:
        """Whether the dialog was replaced since `before`."""
        return self._begun != before._begun or self.entries[: len(before.entries)] != before.entries

    @property
    def _begun(self) -> tuple[object, ...]:
        """What a dialog begins with."""
        began = self.dialog, self.args, self.roster, self.user, self.language, self.heard, self.consent
        return *began, self.streams, self.stream

    @classmethod
    def from_rows(cls, rows: Sequence[str], *, call_id: str, sequence: int) -> "History":
        """Read back what `row_json` wrote: the rows from the last whole one on, oldest first."""
        whole, *added = (json.loads(row) for row in rows)
        for row in added:
            whole["e"] = [*whole.get("e", ()), *row.get("e", ())]
            whole |= {name: row.get(name) for name in ("q", "n", "x", "c", "b", "w", "o", "mh")}
        return cls._from_document(whole, call_id=call_id, sequence=sequence)


def _usual_state(sequence: int) -> CallState:
    return CallState.ESTABLISHED if sequence > 0 else CallState.INCOMING


def dumps(value: object) -> str:
    """Compact JSON. Raises TypeError or ValueError for what JSON in UTF-8 cannot say (NaN, half a surrogate pair)."""
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    text.encode()
    return text


def _participant_out(member: Participant) -> list[Any]:
    parts = [member.identity, int(member.originator), member.language_id, member.display_name]
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _participant_in(parts: list[Any]) -> Participant:
    identity, originator, language, name = [*parts, None, None, None][:4]
    return Participant(identity=identity, originator=bool(originator), language_id=language, display_name=name)
