"""A bot: the dialogs that its calls run."""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from dialtone.dialogs.call import Call
from dialtone.dialogs.prompts import APOLOGY, Prompt
from dialtone.errors import DialogError
from dialtone.protocol import (
    CALL_STATE_CHANGE,
    ROSTER_UPDATE,
    CallStateChange,
    ContractViolation,
    RosterUpdate,
    rules,
)

Dialog = Callable[..., Awaitable[Any]]
DialogT = TypeVar("DialogT", bound=Dialog)
Notified = Callable[[CallStateChange | RosterUpdate], Awaitable[None]]
NotifiedT = TypeVar("NotifiedT", bound=Notified)

MediaHandler = Callable[[Any], Awaitable[None]]
MediaHandlerT = TypeVar("MediaHandlerT", bound=MediaHandler)

INCOMING = "/"


class CallBot:
    """Holds the dialogs of a bot; it has no state of its own, so that any process can take any turn.

    `apology` is what a caller hears, before the call is hung up, when a dialog fails. Raises `DialogError` for one
    that cannot be spoken.
    """

    def __init__(self, *, apology: Prompt = APOLOGY) -> None:
        try:
            rules.check_prompt(apology.to_protocol())
        except ContractViolation as violation:
            raise DialogError(
                f"the apology cannot be spoken: {violation.message}", field="apology", fix=violation.fix
            ) from None
        self.apology = apology
        self.notified: Notified | None = None
        self.streams: dict[str, MediaHandler] = {}
        self._dialogs: dict[str, Dialog] = {}

    def incoming(self, dialog: DialogT) -> DialogT:
        """Register the dialog that an incoming call starts with. It is called with the `Call`."""
        return self.dialog(INCOMING)(dialog)

    def dialog(self, name: str) -> Callable[[DialogT], DialogT]:
        """Register a dialog under a name, for `call.replace`.

        Raises `DialogError` for a name that is taken and for a function that is not `async`.
        """

        def register(dialog: DialogT) -> DialogT:
            _must_be_async(dialog, name, "write the dialog as `async def name(call): ...`")
            if name in self._dialogs:
                raise DialogError(
                    f"there are two dialogs named {name!r}", field=name, fix="give each dialog its own name"
                )
            self._dialogs[name] = dialog
            return dialog

        return register

    def media(self, name: str) -> Callable[[MediaHandlerT], MediaHandlerT]:
        """Register what a media stream does, under the name that the stream asks for.

        It is called with a `dialtone.media.stream.Stream`, in the media worker, which reads `streams`. Raises
        `DialogError` for a name that is taken and for a function that is not `async`.
        """

        def register(handler: MediaHandlerT) -> MediaHandlerT:
            _must_be_async(handler, name, "write the handler as `async def name(stream): ...`")
            if name in self.streams:
                raise DialogError(
                    f"there are two media handlers named {name!r}", field=name, fix="give each handler its own name"
                )
            self.streams[name] = handler
            return handler

        return register

    def on_notification(self, handler: NotifiedT) -> NotifiedT:
        """Register the one function that is told what happens between two turns, and ask the platform for it.

        It is called with a `CallStateChange` or, in a group call, a `RosterUpdate`, whose `id` is the call's. It takes
        no part in the dialog: it may do whatever an async function may do, as what is given to `call.run` does, and
        what it raises is logged. It runs at least once for each notification: a process that dies before the
        notification is in the journal runs it again when the platform repeats it, and so may copies that come at
        the same time.

        With or without it, a `CallStateChange` to terminated ends the call; with it, `call.participants` follows the
        roster. Raises `DialogError` for a second handler and for a function that is not `async`.
        """
        _must_be_async(handler, "on_notification", "write the handler as `async def name(notification): ...`")
        if self.notified is not None:
            raise DialogError(
                "there are two handlers of notifications", field="on_notification", fix="call one from the other"
            )
        self.notified = handler
        return handler

    def subscriptions(self, *, multiparty: bool) -> tuple[str, ...]:
        """What the workflows of a call subscribe to: nothing unless there is a handler of notifications."""
        if self.notified is None:
            return ()
        return (CALL_STATE_CHANGE, ROSTER_UPDATE) if multiparty else (CALL_STATE_CHANGE,)

    def start(self, name: str, call: Call, args: dict[str, Any]) -> Awaitable[Any]:
        """Begin a dialog. Raises `DialogError` for a name that is not registered."""
        dialog = self._dialogs.get(name)
        if dialog is None:
            known = ", ".join(repr(known) for known in self._dialogs) or "none"
            raise DialogError(
                f"there is no dialog named {name!r}",
                field=name,
                fix=f"register it with @bot.incoming or @bot.dialog({name!r}); known are {known}",
            )
        return dialog(call, **args)


def _must_be_async(function: object, field: str, fix: str) -> None:
    if not iscoroutinefunction(function):
        name = getattr(function, "__qualname__", function)
        raise DialogError(f"{name!r} is not an async function", field=field, fix=fix)
