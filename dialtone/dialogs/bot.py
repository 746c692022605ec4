"""A bot: the dialogs that its calls run, and what is done around them."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dialtone.dialogs.language import Localize
from dialtone.dialogs.library import INCOMING, ROOT, Dialog, DialogT, Library, must_be_async
from dialtone.dialogs.options import DEFAULTS, NOTICES, Defaults, Notices
from dialtone.dialogs.participants import ParticipantChange
from dialtone.dialogs.prompts import APOLOGY, Prompt
from dialtone.dialogs.stack import Around
from dialtone.dialogs.turn import Event
from dialtone.errors import DialogError, WorkflowError
from dialtone.protocol import (
    CALL_STATE_CHANGE,
    ROSTER_UPDATE,
    Action,
    CallStateChange,
    ContractViolation,
    Participant,
    RosterUpdate,
    rules,
)

if TYPE_CHECKING:
    from dialtone.dialogs.user import User

FunctionT = TypeVar("FunctionT", bound=Callable[..., Awaitable[object]])
Notified = Callable[[CallStateChange | RosterUpdate], Awaitable[None]]
CameAndWent = Callable[[ParticipantChange], Awaitable[None]]
Receive = Callable[[Event], Awaitable[None]]
Send = Callable[[str, list[Action]], Awaitable[list[Action]]]
LookupUser = Callable[[Participant | None], "Awaitable[User | None]"]

MediaHandler = Callable[[Any], Awaitable[None]]
MediaHandlerT = TypeVar("MediaHandlerT", bound=MediaHandler)

OUTGOING: Final = "/outgoing"
ON_ERROR: Final = "/error"


class CallBot(Library):
    """Holds the dialogs of a bot; it has no state of its own, so that any process can take any turn.

    `apology` is what a caller hears, before the call is hung up, when a dialog fails and no `on_error` dialog helps.
    `notices` are said before a question is asked again; `defaults` are what questions take where they do not say it;
    `localize` translates every text (see `dialtone.translations`). With `require_consent` nobody is recorded who
    has not agreed (`Call.consent`). Raises `DialogError` for a notice or an apology that cannot be spoken.
    """

    def __init__(
        self,
        *,
        apology: Prompt = APOLOGY,
        notices: Notices = NOTICES,
        defaults: Defaults = DEFAULTS,
        localize: Localize | None = None,
        require_consent: bool = False,
    ) -> None:
        super().__init__(ROOT)
        for name, prompt in [("apology", apology), *((f"notice {name}", prompt) for name, prompt in notices.all())]:
            try:
                rules.check_prompt(prompt.to_protocol())
            except ContractViolation as violation:
                raise DialogError(
                    f"the {name} cannot be spoken: {violation.message}", field=name, fix=violation.fix
                ) from None
        self.apology = apology
        self.notices = notices
        self.defaults = defaults
        self.localize = localize
        self.require_consent = require_consent
        self.notified: Notified | None = None
        self.came_and_went: CameAndWent | None = None
        self.streams: dict[str, MediaHandler] = {}
        self.user_lookup: LookupUser | None = None
        self.wrappers: list[Around] = []
        self.receivers: list[Receive] = []
        self.senders: list[Send] = []

    def incoming(self, dialog: DialogT) -> DialogT:
        """Register the dialog that an incoming call starts with, `/`. It is called with the `Call`."""
        return self.dialog(INCOMING)(dialog)

    def outgoing(self, dialog: DialogT) -> DialogT:
        """Register the dialog of the calls that the bot places (`call.place`), which begins when one is answered.

        It is called with the `Call` and the arguments that `call.place` was given.
        """
        return self.dialog(OUTGOING)(dialog)

    def on_error(self, dialog: DialogT) -> DialogT:
        """Register the dialog that a call goes on with when its dialog has failed, instead of the apology.

        It is called with the `Call` and `error`, the type and text of what was raised. What the failed dialog had said
        is still said. When it fails itself, the apology is spoken and the call hung up. The call counts as failed.
        """
        return self.dialog(ON_ERROR)(dialog)

    @property
    def error_dialog(self) -> Dialog | None:
        """What `on_error` registered."""
        return self._dialogs.get(ON_ERROR)

    def lookup_user(self, function: FunctionT) -> FunctionT:
        """Register the function that says who a caller is.

        It is called once in a call, before its dialog, with the `Participant` that rang (None in a group call without
        one), runs like a function given to `call.run`, and returns a `User`, or None for the participant as it is. The
        call that the bot placed is with whom it rang, without a look-up. The
        user's identity is the key of `call.user_data`, and its language that of the call. When it raises, the dialog
        does not begin and the call ends with the apology; for a dependency that may come back raise `DependencyError`.
        """
        must_be_async(function, "lookup_user", "write it as `async def name(caller): ...`")
        if self.user_lookup is not None:
            raise DialogError("there are two functions that look up users", field="lookup_user", fix="keep one of them")
        self.user_lookup = function  # type: ignore[assignment]  # checked by the author's type checker, not here
        return function

    def around(self, wrapper: FunctionT) -> FunctionT:
        """Put a function around the dialog of each call: `async def name(call, proceed): ...; await proceed()`.

        It is a part of the dialog: it is run again with each turn, may ask and say what a dialog may, and without
        `await proceed()` the dialog does not run. The first one registered is the outermost.
        """
        must_be_async(wrapper, "around", "write it as `async def name(call, proceed): ...`")
        self.wrappers.append(wrapper)  # type: ignore[arg-type]  # the decorated function keeps its own type
        return wrapper

    def receive(self, function: FunctionT) -> FunctionT:
        """Register a function that is told each event before its turn: `async def name(event): ...`.

        It takes no part in the dialog and may do whatever an async function may do. What it raises is logged and passed
        over, but a `DependencyError` answers 503, so that the platform tries again. It runs once for each request,
        retries included.
        """
        must_be_async(function, "receive", "write it as `async def name(event): ...`")
        self.receivers.append(function)  # type: ignore[arg-type]  # the decorated function keeps its own type
        return function

    def send(self, function: FunctionT) -> FunctionT:
        """Register a function that may change each workflow before it is stored and sent:
        `async def name(call_id, actions): ...; return actions`.

        The actions are those of `dialtone.protocol`; what is returned is checked, and refused with a `WorkflowError`
        if the contract forbids it. What it raises fails the request. It is not called when there is nothing to send.
        """
        must_be_async(function, "send", "write it as `async def name(call_id, actions): ...`")
        self.senders.append(function)  # type: ignore[arg-type]  # the decorated function keeps its own type
        return function

    def media(self, name: str) -> Callable[[MediaHandlerT], MediaHandlerT]:
        """Register what a media stream does, under the name that the stream asks for.

        It is called with a `dialtone.media.stream.Stream`, in the media worker, which reads `streams`. Raises
        `DialogError` for a name that is taken and for a function that is not `async`.
        """

        def register(handler: MediaHandlerT) -> MediaHandlerT:
            must_be_async(handler, name, "write the handler as `async def name(stream): ...`")
            if name in self.streams:
                raise DialogError(
                    f"there are two media handlers named {name!r}", field=name, fix="give each handler its own name"
                )
            self.streams[name] = handler
            return handler

        return register

    async def sent(self, call_id: str, actions: list[Action]) -> list[Action]:
        """What is sent in place of a workflow: see `send`. Raises `WorkflowError`."""
        if not self.senders or not actions:
            return actions
        for sender in self.senders:
            actions = await sender(call_id, actions)
        try:
            rules.check_actions(actions)
        except ContractViolation as violation:
            raise WorkflowError.from_violation(violation) from None
        return actions

    def on_notification(self, handler: FunctionT) -> FunctionT:
        """Register the one function that is told what happens between two turns, and ask the platform for it.

        It is called with a `CallStateChange` or, in a group call and in any call on ACS, a `RosterUpdate`, whose `id`
        is the call's. It takes no part in the dialog: it may do whatever an async function may do, as what is given to
        `call.run` does, and what it raises is logged. It runs at least once for each notification: a process that dies
        before the notification is in the journal runs it again when the platform repeats it, and so may copies that
        come at the same time.

        With or without it, a `CallStateChange` to terminated ends the call; with it, `call.participants` follows the
        roster. Raises `DialogError` for a second handler and for a function that is not `async`.
        """
        must_be_async(handler, "on_notification", "write the handler as `async def name(notification): ...`")
        _only(self.notified, "on_notification", "notifications")
        self.notified = handler  # type: ignore[assignment]  # the decorated function keeps its own type
        return handler

    def on_participant(self, handler: FunctionT) -> FunctionT:
        """Register the one function that is told who joins a group call, or on ACS any call, and who leaves it, and ask
        the platform for it.

        It is called with a `ParticipantChange`, what has changed since the roster before, or since the call began. As
        for `on_notification`: it takes no part in the dialog, runs at least once for each change, and what it raises is
        logged; with it `call.participants` follows the roster. Raises `DialogError` for a second handler and for a
        function that is not `async`.
        """
        must_be_async(handler, "on_participant", "write the handler as `async def name(change): ...`")
        _only(self.came_and_went, "on_participant", "participants")
        self.came_and_went = handler  # type: ignore[assignment]  # the decorated function keeps its own type
        return handler

    @property
    def follows_roster(self) -> bool:
        """Whether the platform is asked who is in a group call."""
        return self.notified is not None or self.came_and_went is not None

    def subscriptions(self, *, multiparty: bool, media: bool = False) -> tuple[str, ...]:
        """What the workflows of a call subscribe to: nothing unless there is a handler of notifications, or in a group
        call of participants. A call that is answered with `media` learns of its end in no other way.
        """
        if multiparty and self.follows_roster:
            return (CALL_STATE_CHANGE, ROSTER_UPDATE)
        return (CALL_STATE_CHANGE,) if media or self.notified is not None else ()


def _only(there: object, name: str, of: str) -> None:
    """Raise DialogError when a handler is there already."""
    if there is not None:
        raise DialogError(f"there are two handlers of {of}", field=name, fix="call one from the other")
