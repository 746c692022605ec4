"""The words of a dialog.

What is queued (`say`, `play`, `answer`, `reject`, `hang_up`) is sent, as one workflow, with the next question that is
awaited, or when the dialog returns. What is awaited returns its outcome, in a later process as likely as in this one:
the dialog is run again from its start and fed what was answered before. So a dialog must do the same again when it is
given the same answers; what it wants of the outside world it asks by `run`, `now` and `random`.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec, TypeVar

from dialtone import protocol
from dialtone.dialogs.asking import Recording, address_of
from dialtone.dialogs.commanding import TONE
from dialtone.dialogs.data import Bag, BagKey, BagName
from dialtone.dialogs.history import CallFacts, dumps
from dialtone.dialogs.library import INCOMING
from dialtone.dialogs.prompts import Prompt
from dialtone.dialogs.requests import Invoke, Look, Place, Request
from dialtone.dialogs.results import ConversationEnded, DialogResult, Ended, NextStep, Reset, ResumeReason
from dialtone.dialogs.secret import kept, without_secrets
from dialtone.dialogs.streaming import Rate, Streaming, media_end
from dialtone.dialogs.user import User
from dialtone.dialogs.words import word
from dialtone.errors import ActionFailed, ActivityFailed, DialogError
from dialtone.protocol import Participant

if TYPE_CHECKING:
    from dialtone.dialogs.run import Run

P = ParamSpec("P")
T = TypeVar("T")

SIGNAL_MAX_S: Final = 600
"""Seconds that a call waits for a signal at most."""

SIGNAL_POLL_S: Final = 2
"""Seconds of silence after which a waiting call looks again."""


_TARGET: Final = re.compile(r"[0-9]{1,8}:.{1,512}|https://\S{1,2000}")
"""An identity, as Microsoft's C# contract has it; or the link of a meeting."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that happened outside the call, which its dialog waited for by `Call.signal`.

    `name` is the name that it was posted under, `data` the JSON value that was posted; None for no body.
    """

    name: str
    data: Any


class Call(Streaming):
    """One call, as its dialog sees it: who is in it, and all that the dialog may do.

    Methods that are not awaited (`say`, `play`, `answer`, `hang_up`, …) only queue what is to be done; whatever is
    awaited (`choose`, `record`, `transfer`, …) sends what was queued and gives what came of it. The dialog is run again
    from its start at each turn, so it may await nothing but methods of the call: what comes from elsewhere comes by
    `run`.

    An awaited method raises `CallEnded` when the call is over, `ActionFailed` when the platform refused or could not do
    an action, and `DialogError` for what no dialog may ask; `run` raises `ActivityFailed` when its function raised.
    """

    def __init__(self, run: "Run", facts: CallFacts) -> None:
        super().__init__(run)
        self._facts = facts

    @property
    def id(self) -> str:
        """The platform's id of the call."""
        return self._facts.call_id

    @property
    def caller(self) -> Participant | None:
        """Who rang; None in a group call without an originator."""
        return self._facts.caller

    @property
    def participants(self) -> Sequence[Participant]:
        """Who is in the call.

        Those that it began with; on ACS, and in a group call of a bot that asks for notifications
        (`CallBot.on_notification`, `CallBot.on_participant`), those who were there when the last question was answered,
        as far as the platform had told by then. Of somebody who joined later only the identity is known.
        """
        began, roster = self._facts.participants, self._run.roster
        if roster is None:
            return began
        known = {member.identity.casefold(): member for member in began}
        joined = (Participant(identity=identity, originator=False) for identity in roster)
        return tuple(known.get(member.identity.casefold(), member) for member in joined)

    @property
    def user(self) -> User:
        """Whom the call is with: the one that `CallBot.lookup_user` found, else the caller, or whom the bot rang.

        Raises `DialogError` in a group call that has neither.
        """
        found = self._run.user
        if found is None:
            raise DialogError(
                "nobody is known to have begun this call",
                field="user",
                fix="use call.participants, or register a function with @bot.lookup_user",
            )
        return found

    @property
    def language(self) -> str | None:
        """The language of the call, such as `en` or `en-US`: the one that the dialog chose by setting this, else the
        user's, else what the platform said of the caller; None when nobody said it.

        What is said and asked from here on is in this language: its text by `CallBot.localize`, and the prompts that
        operators uploaded for it.
        """
        return self._run.language or None

    @language.setter
    def language(self, language: str) -> None:
        self._run.choose_language(language)

    @property
    def subject(self) -> str | None:
        """The subject of a group call."""
        return self._facts.subject

    @property
    def is_multiparty(self) -> bool:
        """Whether this is a group call."""
        return self._facts.is_multiparty

    @property
    def started(self) -> datetime:
        """When the call began, UTC."""
        return self._facts.started_at

    # What is queued.

    def reject(self) -> None:
        """Decline the call. Raises `WorkflowError` when it was answered or something was queued before."""
        self._run.queue("reject", lambda op: protocol.Reject(operation_id=op))

    def hang_up(self) -> None:
        """End the call after what was queued; returning from the dialog does the same."""
        self._run.queue("hangup", lambda op: protocol.Hangup(operation_id=op))

    def say(self, *prompts: Prompt | str) -> None:
        """Queue texts or prompts to be spoken, one after the other. Raises `WorkflowError` for an illegal one."""
        self._run.say(prompts)

    def play(self, source: str | Recording) -> None:
        """Queue a WAV or WMA file that the platform fetches, at most 512,000 bytes: its address, or a recording.

        The platform gets a link to the recording that is good for ten minutes. Raises `WorkflowError` for a recording
        that is empty, too large (16 seconds of WAV are 512,000 bytes), or an MP3.
        """
        part = protocol.Prompt(file_uri=address_of(source))
        self._run.queue("playPrompt", lambda op: protocol.PlayPrompt(operation_id=op, prompts=[part]))

    # What is awaited: the questions of `Asking`, and these.

    @word
    async def run(self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an async function that touches the outside world, and keep its result in the history.

        It is not run again on the next callback. Its arguments and its result must be what JSON can say (a tuple comes
        back as a list). Raises `ActivityFailed` when it raised. It runs at least once: a process that dies between
        running it and storing the turn runs it again, so make it idempotent, by `call.id` for instance.
        """
        if not callable(function):
            if inspect.iscoroutine(function):
                function.close()
            raise DialogError(
                f"run was given {type(function).__name__} and not a function",
                field="run",
                fix="write `await call.run(function, argument)`, without calling it",
            )
        name = getattr(function, "__qualname__", repr(function))
        try:
            identity = f"{name}{dumps(without_secrets([args, kwargs]))}"
        except (TypeError, ValueError) as error:
            raise DialogError(
                f"an argument of {name} is not JSON: {error}", field=name, fix="pass text, numbers, lists or dicts"
            ) from None
        answer = await Request("run", identity, work=Invoke(function, args, kwargs))
        if not answer.ok:
            raise ActivityFailed(name, answer.reason)
        return answer.value  # type: ignore[no-any-return]  # what the history kept of T

    @word
    async def signal(
        self,
        name: str,
        *,
        timeout: float = 60,  # noqa: ASYNC109 - the platform waits, no task of ours
        poll: float = SIGNAL_POLL_S,
        hold: Prompt | str | None = None,
    ) -> Signal | None:
        """Wait for an event from outside: what was posted to `POST /api/calls/{id}/signals/{name}`, whose address is
        `dialtone.signal_url(name)` in a function given to `run`.

        Returns the oldest signal of this name that was not taken yet, None after `timeout` seconds (0 only looks, 600
        at most) or when it has looked as often as `poll` goes into them. Each is taken once.

        A platform that is answered only when it calls back cannot be told to wait: the caller hears `poll` seconds of
        silence (0.5 to 60), or the prompt `hold`, again and again, and each time is a turn of the call. A signal
        is found when the one that is played has ended.

        While a media stream is open nothing is played: the signal is found when it comes, the time-out is looked at
        only then, and None is returned when the stream is over.
        """
        if not 0 <= timeout <= SIGNAL_MAX_S or not 0.5 <= poll <= 60:
            raise DialogError(
                f"a call waits for a signal {SIGNAL_MAX_S} seconds at most, and looks every 0.5 to 60 seconds",
                field="signal",
                fix="choose a shorter timeout; wait again, or call back later, for what takes longer",
            )
        run, language = self._run, self._run.language
        hold = Prompt(silence_ms=round(poll * 1000)) if hold is None else hold
        deadline = run.now() + timeout
        if run.stream == "open":
            question = Request("signal", name, work=Look(name, run.heard, media_end(run.streams)), deadline=deadline)
            question.polls = ceil(timeout)
        else:
            question = Request(
                "signal",
                name,
                protocol.PlayPromptOutcome,
                lambda op: run.play_prompt(op, [hold], language),
                Look(name, run.heard),
                deadline=deadline,
                polls=ceil(timeout / poll),
            )
        answer = await question
        return Signal(name, answer.value[1]) if answer.ok else None

    @word
    async def tone(
        self,
        *,
        timeout: float = 60,  # noqa: ASYNC109 - the platform waits, no task of ours
        poll: float = 1,
        hold: Prompt | str | None = None,
    ) -> str | None:
        """Wait for the next key that is pressed since `start_tones`: `0` to `9`, `*`, `#`, `A` to `D`.

        Keys are told once each, in their order as far as the platform has told them, also those that were pressed
        while something was said. None after `timeout` seconds; `timeout`, `poll` and `hold` are as in `signal`. What
        is secret is better asked for by `digits` with a prompt that is `secret`: keys are stored as they are.
        """
        pressed = await self.signal(TONE, timeout=timeout, poll=poll, hold=hold)
        return None if pressed is None else str(pressed.data)

    @word
    async def place(
        self,
        target: str,
        /,
        *,
        media: str | None = None,
        unmixed: bool = False,
        rate: Rate = 16_000,
        captions: str = "",
        interim: bool = False,
        **args: Any,
    ) -> str:
        """Have the platform ring somebody else, or join the meeting of a join link, and return the id of that call.

        Who answers gets the bot's `outgoing` dialog, with these arguments, which must be what JSON can say; in a
        meeting it begins when the bot is in it. It is a call of its own: this one goes on. With `media` its sound goes
        to a media handler from the moment that somebody answers; the words after it are as in `answer`. Raises
        `ActionFailed` where the channel cannot place such calls, and `DialogError` for a handler that the bot does not
        have.
        """
        if not _TARGET.fullmatch(target):
            raise DialogError(
                f"{target!r} is nobody's identity, and no link to a meeting",
                field="place",
                fix="write it as 4:+15550100 or 8:name, or give the join link of a meeting",
            )
        stream = None if media is None else self._stream("place", media, unmixed, rate, captions, interim)
        try:
            identity = f"{target}{kept(args)}{dumps(stream) if stream else ''}"
        except (TypeError, ValueError) as error:
            raise DialogError(
                f"an argument of the outgoing dialog is not JSON: {error}",
                field="place",
                fix="pass text, numbers, lists",
            ) from None
        answer = await Request("place", identity, work=Place(target, args, stream))
        if not answer.ok:
            raise ActionFailed("placeCall", answer.reason)
        return str(answer.value)

    @word
    async def user_data(self) -> Bag:
        """What the bot keeps of the user over all their calls: a dict, saved when the turn is, if it changed."""
        return await self._data("user", self.user.identity)

    @word
    async def private_data(self) -> Bag:
        """What the bot keeps of the user in this conversation; emptied when the call is over."""
        return await self._data("private", f"{self.user.identity}\n{self._facts.conversation}")

    @word
    async def conversation_data(self) -> Bag:
        """What the bot keeps of this conversation, whoever is in it: the thread of a group call, else the call."""
        return await self._data("conversation", self._facts.conversation)

    @word
    async def begin(self, dialog: str, /, **args: Any) -> DialogResult:
        """Run another dialog, by its name, inside this one, and return what came of it.

        The name is looked for in the library of this dialog; `library:dialog` names one of another. Raises
        `DialogError` for one that is not there. A dialog whose function is at hand can as well be called:
        `await ask_name(call)`.
        """
        self._run.step()
        return await self._run.stack.begin(self, dialog, args)

    # The ways out, and what is known at once.

    def end(self, response: Any = None, resumed: ResumeReason = ResumeReason.COMPLETED) -> NoReturn:
        """End the dialog that runs; the one that began it gets the `response` and the reason. Does not return."""
        self._run.leave(Ended(DialogResult(resumed, response)))

    def next(self, response: Any = None) -> NoReturn:
        """Leave this step of a waterfall; the next one gets the `response`, as `forward`. Does not return.

        Raises `DialogError` outside of a waterfall.
        """
        self._run.stack.check_step()
        self._run.leave(NextStep(response))

    def end_conversation(self, *prompts: Prompt | str) -> NoReturn:
        """Say this, and end the call, however many dialogs have begun. Does not return."""
        if prompts:
            self.say(*prompts)
        self._run.leave(ConversationEnded())

    def replace(self, dialog: str, /, **args: Any) -> NoReturn:
        """Go on with another dialog in place of this one. Does not return.

        Where the call's outermost dialog is replaced, the history begins afresh, so that a call can last for hours.
        What was queued is kept. Arguments must be what JSON can say.
        """
        self._run.replace(dialog, args)

    def reset(self, dialog: str = INCOMING, /, **args: Any) -> NoReturn:
        """Leave all dialogs that have begun, and go on with this one, with a fresh history. Does not return.

        What was queued is kept. Arguments must be what JSON can say.
        """
        self._run.replace(dialog, args, Reset)

    def now(self) -> datetime:
        """The time of this turn, UTC; kept in the history, so the same again when the dialog is run again."""
        return datetime.fromtimestamp(self._run.now(), UTC)

    def random(self) -> float:
        """A number from 0 to below 1, kept in the history. Not for secrets."""
        return self._run.random()

    async def _data(self, bag: BagName, owner: str) -> Bag:
        return await self._run.bag(BagKey(bag, owner))
