"""What a dialog does to the turn that it runs in: that half of a run which a `Call` uses."""

import json
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn

from dialtone import protocol
from dialtone.dialogs import workflow
from dialtone.dialogs.bot import CallBot
from dialtone.dialogs.data import Bag, BagKey, Bags
from dialtone.dialogs.history import Consent, History
from dialtone.dialogs.prompts import Prompt, as_prompt
from dialtone.dialogs.requests import Request
from dialtone.dialogs.results import Replaced, WayOut
from dialtone.dialogs.secret import Secret, has_secret
from dialtone.dialogs.secret import kept as kept_json
from dialtone.dialogs.stack import Stack
from dialtone.dialogs.tape import Tape
from dialtone.dialogs.turn import Activity, Build, Event, Load, Queued
from dialtone.dialogs.user import User
from dialtone.dialogs.words import Word
from dialtone.errors import DialogError, WorkflowError


class Run:
    """One run of a dialog, from its start to the next request that has no outcome yet.

    This is what a `Call` uses while the dialog runs; `dialtone.dialogs.drive.Drive` drives the dialog.
    """

    def __init__(
        self,
        bot: CallBot,
        history: History,
        event: Event,
        *,
        event_taken: bool,
        after: Activity | None = None,
    ) -> None:
        self.bot = bot
        self.words: list[Word[Any]] = []
        """Those that were called and not awaited."""
        self.stack = Stack(bot)
        self._history = history
        self._event = event
        self._tape = Tape(history, event, event_taken=event_taken, steps_before=after.steps if after else 0)
        self._after = after
        self._began = after.began if after else (0 if event.begins else len(history.entries))
        self._bags = Bags(after.unsaved if after else None)
        self._carried = after.carried if after else ()
        self._queue: list[Queued] = list(self._carried)
        self._answered = history.answered
        self._roster = history.roster
        self.user = _user_of(history)
        """Whom the call is with."""
        self.language = history.language or (self.user.language if self.user else "")
        """The language of the call; empty when nobody said it."""
        self._found = history.user
        self._chosen = history.language
        self._heard = history.heard
        self.consent: Consent = history.consent
        """Whether the caller has agreed to be recorded."""
        self._private = history.private
        self.media = history.media
        """The handler of the last media stream that was asked for; empty for none."""
        self.streams, self.stream = history.streams, history.stream
        """How many media streams were asked for so far, and how the last of them is."""
        self._ended_before = self._ended = after.ended if after else ""
        self._inside: dict[int, Coroutine[Any, Any, Any]] = {}
        self._failure: Exception | None = after.failure if after else None

    def say(self, prompts: Sequence[Prompt | str]) -> None:
        """Queue something to be spoken, in the language that the call has now."""
        language = self.language
        self.queue("playPrompt", lambda op: self.play_prompt(op, prompts, language))

    def play_prompt(self, operation_id: str, prompts: Sequence[Prompt | str], language: str) -> protocol.PlayPrompt:
        """Prompts as the contract has them, in a language."""
        bot = self.bot
        if any(has_secret([part.text if isinstance(part, Prompt) else part]) for part in prompts):
            raise WorkflowError(
                "what the caller typed in secret is to be spoken, and what is spoken is stored",
                field="playPrompt.prompts",
                fix="say that it was taken, not what it was",
                code="SECRET",
            )
        parts = [as_prompt(prompt).to_protocol(language, bot.localize, bot.defaults.voice) for prompt in prompts]
        return protocol.PlayPrompt(operation_id=operation_id, prompts=parts)

    def localized(self, text: str, language: str) -> str:
        """A word that is listened for, in a language."""
        found = self.bot.localize(language, text) if self.bot.localize is not None and language else None
        return text if found is None else found

    def queue(self, kind: str, build: Build) -> None:
        """Queue an action. Raises `WorkflowError` when it is illegal here."""
        tape = self._tape
        tape.step()
        if self._ended or tape.suspended:
            return
        if tape.replayed():
            # What is replayed was checked when it was sent.
            self._queue.append(Queued(kind, build))
        else:
            self._enqueue(kind, build)

    def secret(self, sealed: str) -> Secret:
        """What the caller typed in secret."""
        return Secret(self._event.vault.open(sealed))

    def step(self) -> None:
        """Count a thing that the dialog does."""
        self._tape.step()

    def now(self) -> float:
        """The time of the turn that asked first."""
        return self._tape.recall("now", lambda: round(self._event.at, 3))

    def random(self) -> float:
        """A random number, the same one whenever the dialog is run again."""
        return self._tape.recall("random", self._tape.chance)

    @property
    def roster(self) -> tuple[str, ...] | None:
        """Identities of those who are in the call; None while they are those that it began with."""
        return self._roster

    def choose_language(self, language: str) -> None:
        """Go on in another language; empty: in the user's."""
        self._chosen = language
        self.language = language or (self.user.language if self.user else "")

    @property
    def heard(self) -> frozenset[str]:
        """Ids of the signals that were taken."""
        return frozenset(self._heard)

    async def bag(self, key: BagKey) -> Bag:
        """A bag of data; loaded when it is asked for first."""
        loaded = self._bags.get(key)
        if loaded is None:
            answer = await Request("data", key.bag, work=Load(key))
            if not answer.ok:
                raise DialogError(
                    f"{key.bag} data cannot be loaded: {answer.reason}",
                    field=f"{key.bag}_data",
                    fix="keep an id instead of a document",
                )
            loaded = self._bags.add(key, answer.value or {})
            self._private = self._private or key.bag == "private"
        return loaded

    def leave(self, way: WayOut) -> NoReturn:
        """Unwind the dialog."""
        self.step()
        if self._tape.suspended:
            raise GeneratorExit
        raise way

    def replace(self, dialog: str, args: dict[str, Any], way: type[Replaced] = Replaced) -> NoReturn:
        """Unwind the dialog, or all of them, and go on with another."""
        try:
            kept = json.loads(kept_json(args))
        except (TypeError, ValueError) as error:
            raise DialogError(
                f"an argument for {dialog!r} is not JSON: {error}", field=dialog, fix="pass text, numbers, lists, dicts"
            ) from None
        self.leave(way(self.stack.resolve(dialog), kept))

    def awaited(self, word: Word[Any], waiting: object, coroutine: Coroutine[Any, Any, Any]) -> None:
        """A word is awaited now: whoever awaits it waits for `waiting`, which does what the coroutine does."""
        if word not in self.words:
            coroutine.close()
            raise DialogError(
                f"{word.name} was awaited before ({word.place})",
                field=word.name,
                fix="keep what it returned, or call it again to ask again",
            )
        self.words.remove(word)
        self._inside[id(waiting)] = coroutine

    def _enqueue(self, kind: str, build: Build) -> None:
        try:
            workflow.check_order(kind, self._queue, answered=self._answered)
            action = workflow.checked(kind, build, self._operation(str(len(self._queue))))
        except WorkflowError as refusal:
            self._tape.refuse(refusal)
            raise
        self._queue.append(Queued(kind, build, action))

    def _operation(self, part: str) -> str:
        """An operationId: unique in the call, and the same when the turn is taken again."""
        return f"{self._history.sequence}-{part}"


def _user_of(history: History) -> User | None:
    if history.user is not None and history.user.identity:
        return history.user
    caller = history.facts.caller
    return User.of(caller) if caller is not None else None
