"""The walk through a bot's dialogs, outcome by outcome.

1. A walk takes turns as a call does, by `take_turn` and `finish_activity`, one for each outcome of
   `dialtone.dialogs.explorer.possible`; no work is really done.
2. Breadth first, so that the path to a state is a shortest one. States that are the same are walked once
   (`dialtone.dialogs.explorer.sameness`).
3. It begins with an incoming call, with an incoming group call of a bot that asks for notifications, and with each call
   that the bot places, in each language. The dialog `on_error` is walked where a dialog fails.
4. The clock stands still, and `call.random` gives one number in each place. What was saved is found when it is loaded.
5. Each turn is taken twice: one that differs depends on more than its history.
6. It is bounded by outcomes from the beginning (`depth`), states, and whatever says `enough`; what it leaves out, it
   says.
"""

import inspect
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final

from dialtone.dialogs.bot import ON_ERROR, OUTGOING, CallBot
from dialtone.dialogs.data import Bag, BagKey
from dialtone.dialogs.engine import finish_activity, take_turn
from dialtone.dialogs.explorer.faults import Judge, faults_of
from dialtone.dialogs.explorer.graph import NOWHERE, Edge, Exploration, Line, State
from dialtone.dialogs.explorer.possible import (
    Examples,
    Possible,
    asked,
    name_of,
    of_work,
    of_workflow,
    prompts_of,
    shown_prompt,
)
from dialtone.dialogs.explorer.sameness import Sameness, Watched
from dialtone.dialogs.frames import is_ours
from dialtone.dialogs.history import dumps
from dialtone.dialogs.library import INCOMING, Dialog, Library
from dialtone.dialogs.requests import Load, Place
from dialtone.dialogs.secret import Veil
from dialtone.dialogs.streaming import handler_of
from dialtone.dialogs.turn import Event, Placed, Turn
from dialtone.errors import ReplayMismatch
from dialtone.protocol import Conversation, ConversationResult, PlayPrompt

DEPTH: Final = 60
STATES: Final = 20_000
LANGUAGE: Final = "en-US"
"""Of the caller, when no languages are given."""
AT: Final = 1_700_000_000.0
"""The time of every turn, in seconds since 1970."""
_POLLED_OUT: Final = 1_000_000

Data = Mapping[BagKey, Bag]


@dataclass(frozen=True, slots=True)
class _Here:
    """A state, and what goes on from it: its last turn, that turn's event, and the data that was saved."""

    state: State
    turn: Turn
    event: Event
    data: Data


@dataclass(slots=True)
class _Heard:
    """Texts that were translated in a turn: (language, text, line that said it, whether there is a translation)."""

    texts: list[tuple[str, str, Line, bool]] = field(default_factory=list)


def explore(
    bot: CallBot,
    *,
    depth: int = DEPTH,
    states: int = STATES,
    languages: Sequence[str] = (),
    max_turns: int = 0,
    examples: Examples | None = None,
    merge: bool = True,
    enough: Callable[[], bool] = lambda: False,
) -> Exploration:
    """Walk a bot's dialogs and report what is wrong.

    `depth` is the number of outcomes after which a path is given up; once there are `states` states, no more are
    walked. With
    `languages` each is walked, and texts without a translation are reported; the first is the one that the bot's code
    is written in, which needs none. With `max_turns` calls that may take more turns are reported. `examples` are
    results of functions and values of signals, by name (see `possible.Examples`): without one a function returns None.
    `merge` walks equal states once; `enough` is asked before each state, and ends the walk when it says so.

    Raises nothing for what is wrong with the bot.
    """
    walk = _Walk(bot, languages, examples or {}, depth, states, merge)
    return walk.walk(enough, max_turns)


class _Walk:
    def __init__(
        self, bot: CallBot, languages: Sequence[str], examples: Examples, depth: int, states: int, merge: bool
    ) -> None:
        self._registered = bot
        self._heard = _Heard()
        self._begun: set[str] = set()
        self._bot = self._listened(bot)
        self._languages = languages
        self._examples = examples
        self._depth = depth
        self._most = states
        self._compared = Sameness() if merge else None
        self._known: dict[Hashable, int] = {}
        self._waiting: deque[_Here] = deque()
        self._placed: list[str] = []
        notices = frozenset(prompt.name or prompt.text for _, prompt in bot.notices.all())
        self.found = Exploration(notices=notices)
        self.judge = Judge(self.found, languages)

    def walk(self, enough: Callable[[], bool], max_turns: int) -> Exploration:
        """Rules 2, 3 and 6."""
        for language in self._languages or (LANGUAGE,):
            if INCOMING in self._registered.names():
                self._begin("an incoming call", language)
                if self._registered.follows_roster:
                    self._begin("an incoming group call", language, multiparty=True)
        stopped = ""
        while self._waiting and not stopped:
            if len(self.found.states) >= self._most:
                stopped = f"the walk was given up after {len(self.found.states)} states"
            elif enough():
                stopped = f"the time was up after {len(self.found.states)} states"
            else:
                here = self._waiting.popleft()
                if here.state.depth < self._depth:
                    self._expand(here)
        self._say_what_is_left(stopped)
        self.found.findings += faults_of(self.found, max_turns)
        self.found.findings.sort(key=lambda each: (each.line.file, each.line.number, each.kind, each.message))
        return self.found

    def _begin(self, what: str, language: str, *, multiparty: bool = False, placed: Place | None = None) -> None:
        members = [("8:caller", placed is None), ("28:bot", placed is not None)]
        if placed is not None and placed.is_meeting:
            members[0] = ("8:other", False)
        elif multiparty:
            members.append(("8:other", False))
        conversation = Conversation.from_wire(
            {
                "id": "explored",
                "participants": [
                    {"identity": identity, "originator": originator}
                    | ({"languageId": language, "displayName": "Caller"} if identity == "8:caller" else {})
                    for identity, originator in members
                ],
                "isMultiparty": multiparty,
                "threadId": "19:explored@thread.test" if multiparty else None,
                "presentedModalityTypes": ["audio"],
                "callState": "incoming" if placed is None else "established",
            }
        )
        event = Event(
            conversation if placed is None else Placed(conversation, placed.args, handler_of(placed.stream)),
            AT,
            vault=Veil(),
        )
        name = f"{what} in {language}" if self._languages else what
        state = self._new("begins", name)
        state.explored = True
        edge = Edge("rings", "other", state.number, -1)
        self._arrive(edge, *self._twice(lambda: take_turn(self._bot, None, event)), event, {})

    def _expand(self, here: _Here) -> None:
        """Rule 1."""
        turn, state = here.turn, here.state
        state.explored = True
        activity = turn.activity
        if activity is None:
            for outcome in of_workflow(turn.actions, self._examples):
                self._take(here, outcome)
            return
        if isinstance(activity.work, Place):
            self._place(activity.work)
        outcomes = list(of_work(activity.work, self._examples))
        if isinstance(activity.work, Load) and activity.work.key in here.data:
            outcomes = [Possible("data", "other", result=here.data[activity.work.key])]
        for outcome in outcomes:
            self._finish(here, outcome)

    def _take(self, here: _Here, outcome: Possible) -> None:
        """What the platform reports of a workflow."""
        wire = {
            "id": "explored",
            "callState": "terminated" if outcome.over else "established",
            "operationOutcome": {"id": "explored", **(outcome.wire or {})},
        }
        event = Event(ConversationResult.from_wire(wire), AT, recording=outcome.recording, vault=Veil())
        history = here.turn.history
        if isinstance(here.turn.actions[-1], PlayPrompt):
            # A wait for a signal: while it was played the signal came, or its time was up.
            history = history._replace(polled=_POLLED_OUT)
        edge = Edge(outcome.label, outcome.kind, here.state.number, -1)
        self._arrive(edge, *self._twice(lambda: take_turn(self._bot, history, event)), event, here.data)

    def _finish(self, here: _Here, outcome: Possible) -> None:
        """What comes of work."""
        edge = Edge(outcome.label, outcome.kind, here.state.number, -1, assumed=outcome.assumed)

        def finish() -> Turn:
            return finish_activity(self._bot, here.turn, here.event, result=outcome.result, error=outcome.error)

        self._arrive(edge, *self._twice(finish), here.event, here.data)

    def _twice(self, take: Callable[[], Turn]) -> tuple[Turn, bool]:
        """A turn, and whether it came out the same when it was taken again. Rule 5."""
        again = take()
        self._heard.texts.clear()
        turn = take()
        return turn, _told(turn) == _told(again)

    def _arrive(self, edge: Edge, turn: Turn, same: bool, event: Event, data: Data) -> None:
        """Where an outcome leads: a state that is known, or a new one."""
        seen = self._look(turn, event)
        line = Line(*seen.at) if seen is not None else NOWHERE
        edge.said = _said(turn)
        for prompt in prompts_of(turn.actions):
            if prompt.blob_name:
                texts = self.found.prompts.setdefault(prompt.blob_name, {})
                texts.setdefault(prompt.blob_culture or "", prompt.value or "")
        error = turn.error
        if error is not None:
            # One that depends on more than its history may fail at any answer: that is another fault.
            edge.failed = not isinstance(error, ReplayMismatch)
            edge.failure = line_of(error, self.found.states[edge.source].line)
        saved = _saved(data, turn)
        kind = "ends" if seen is None else "works" if turn.activity is not None else "asks"
        what = _ending(turn) if kind == "ends" else _question(turn)
        key: Hashable = (kind, what, seen and (seen.state, turn.history.pending), dumps(sorted(saved.items())))
        number = self._known.get(key) if kind == "ends" or self._compared is not None else None
        if number is None:
            state = self._new(kind, what, line)
            state.action = turn.actions[-1].action if kind == "asks" else ""
            state.mark = turn.history.pending if kind == "asks" else ""
            state.depth = self.found.states[edge.source].depth + (self.found.states[edge.source].kind != "begins")
            state.reached_by, state.explored = edge, kind == "ends"
            number = self._known[key] = state.number
            if kind != "ends":
                self._waiting.append(_Here(state, turn, event, saved))
        edge.target = number
        self.found.states[edge.source].edges.append(edge)
        if error is not None:
            self.judge.failed(edge, error, handled=self._registered.error_dialog is not None)
        if not same or (seen is not None and seen.differs):
            self.judge.differs(edge)
        for language, text, said_at, translated in self._heard.texts:
            self.judge.said(edge, language, text, said_at, translated=translated)

    def _look(self, turn: Turn, event: Event) -> "_Look | None":
        """A dialog that waits, run again from its history alone; None when it is over."""
        if turn.history.done and turn.activity is None:
            return None
        look = _Look(self._bot, turn.history, event, event_taken=True, after=turn.activity)
        look.compared = self._compared
        texts = list(self._heard.texts)
        again = look.take()
        self._heard.texts[:] = texts
        look.differs = again.history.pending != turn.history.pending
        return look

    def _place(self, place: Place) -> None:
        """A call that the bot places is walked too. Rule 3."""
        args = dumps(place.args)
        if args not in self._placed and OUTGOING in self._registered.names():
            self._placed.append(args)
            shown = ", ".join(f"{name}={value!r}" for name, value in place.args.items())
            for language in self._languages or (LANGUAGE,):
                is_meeting = place.is_meeting
                self._begin(f"a placed call ({shown})", language, multiparty=is_meeting, placed=place)

    def _new(self, kind: Any, what: str, line: Line = NOWHERE) -> State:
        state = State(len(self.found.states), kind, what, line)
        self.found.states.append(state)
        return state

    def _say_what_is_left(self, stopped: str) -> None:
        found = self.found
        given_up = [state for state in found.states if not state.explored]
        if given_up:
            why = stopped or f"paths of more than {self._depth} outcomes were given up"
            found.not_reached.append(f"{why}: {len(given_up)} states were not walked")
        for name in self._registered.names():
            local = name.rpartition(":")[2]
            if f"{name if ':' in name else f'{self._registered.name}:{name}'}" in self._begun:
                continue
            if given_up or ":" in name or local == ON_ERROR:
                found.not_reached.append(f"the dialog {name!r} was not reached")
            else:
                self.judge.unreached(local, self._dialog_line(local))

    def _dialog_line(self, name: str) -> Line:
        dialog = self._registered.find(name)[2]
        code = getattr(inspect.unwrap(dialog), "__code__", None)
        return Line(code.co_filename, code.co_firstlineno, name) if code is not None else NOWHERE

    def _listened(self, bot: CallBot) -> CallBot:
        """A copy of the bot that tells which dialogs are begun and which texts are said."""
        listened, begun, heard, localize = copy(bot), self._begun, self._heard, bot.localize

        def find(name: str, within: Library | None = None) -> tuple[Library, str, Dialog]:
            library, local, dialog = bot.find(name, bot if within is listened else within)
            begun.add(f"{library.name}:{local}")
            return (listened if library is bot else library), local, dialog

        def listen(language: str, text: str) -> str | None:
            found = localize(language, text) if localize is not None else None
            heard.texts.append((language, text, _line_that_says(), found is not None))
            return found

        vars(listened).update(find=find, localize=listen)
        return listened


class _Look(Watched):
    differs: bool = False


def line_of(error: Exception, otherwise: Line) -> Line:
    """The line of the bot that an error came from, as `frames.locate` noted it."""
    for note in getattr(error, "__notes__", ()):
        place, comma, function = note.removeprefix("at ").rpartition(", in ")
        file, colon, number = place.rpartition(":")
        if note.startswith("at ") and comma and colon and number.isdecimal():
            return Line(file, int(number), function)
    return otherwise


def _told(turn: Turn) -> tuple[object, ...]:
    work = turn.activity.fingerprint if turn.activity is not None else ""
    return turn.history, turn.actions, turn.changes, work, type(turn.error), str(turn.error)


def _said(turn: Turn) -> tuple[str, ...]:
    """What is said on the way to a state, without what its question says."""
    questions = 0 if turn.history.done else 1
    before = turn.actions[: len(turn.actions) - questions] if turn.activity is None else []
    return tuple(shown for prompt in prompts_of(before) if (shown := shown_prompt(prompt)))


def _saved(data: Data, turn: Turn) -> Data:
    saved = dict(data)
    for change in turn.changes:
        bag = {} if change.emptied else dict(saved.get(change.key, {}))
        saved[change.key] = {name: value for name, value in (bag | change.values).items() if name not in change.removed}
    return saved


def _ending(turn: Turn) -> str:
    if turn.error is not None and turn.history.dialog != ON_ERROR:
        return "the dialog has failed"
    if not turn.actions:
        return "the call is over"
    return "the bot rejects the call" if turn.actions[-1].action == "reject" else "the bot hangs up"


def _question(turn: Turn) -> str:
    return name_of(turn.activity.work) if turn.activity is not None else asked(turn.actions[-1])


def _line_that_says() -> Line:
    """The bot's line that runs; none when the engine builds what the dialog waits for."""
    frame = inspect.currentframe()
    while frame is not None and is_ours(frame):
        if frame.f_code is _Walk._twice.__code__:
            return NOWHERE
        frame = frame.f_back
    return Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname) if frame is not None else NOWHERE
