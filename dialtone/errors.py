"""Every error of the kit.

    DialtoneError
    ├── BotError                 what our side asked is illegal; found before it leaves (500)
    │   ├── ConfigurationError     a setting is missing or wrong
    │   ├── DialogError            the bot's code breaks a rule of dialogs
    │   │   └── ReplayMismatch       the dialog asked something else than its history answers
    │   ├── WorkflowError          an action or a workflow breaks the calling contract
    │   ├── ActionFailed           the platform could not run an action; raised in the dialog
    │   └── ActivityFailed         a function given to `call.run` raised; raised in the dialog
    ├── PlatformError            what the other side sent is illegal; refused, nothing stored (4xx)
    │   ├── BadMessage             not JSON, a member missing, of the wrong type or against a rule (400)
    │   ├── AppStateRejected       appState is missing, was tampered with, or belongs to another call (400)
    │   ├── BodyTooLarge           the body is over the limit (400)
    │   ├── NotFound               there is nothing of this name (404)
    │   ├── CallUnknown            no call has the id that is named (404)
    │   ├── CallOver               the call that is named has ended (409)
    │   └── Unauthorized           the request carries no proof that it comes from the platform (401)
    │       └── Forbidden            its proof is not good enough, or not for us (403)
    └── DependencyError          something we rely on failed; the platform tries again (503)
        └── StorageUnavailable     Table or Blob Storage did not answer

    CallEnded                    not an error: the call is over. A BaseException, as asyncio.CancelledError is,
                                 so that `except Exception` in a dialog does not swallow it.
    Canceled                     not an error: the caller took the cancel choice of a question; ends the dialog that
                                 does not catch it.

Each carries what to do (`fix`), the status of the HTTP reply, and whether trying again may help.
"""

from dialtone.protocol.violation import ContractViolation


class DialtoneError(Exception):
    """Base of the tree. `code` is stable and documented; `field` names the member or setting; `fix` says what to do."""

    code = "DIALTONE"
    http_status = 500
    retryable = False

    def __init__(self, message: str, *, field: str = "", fix: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.fix = fix
        if code:
            self.code = code

    def __str__(self) -> str:
        where = f" [{self.field}]" if self.field else ""
        fix = f" Fix: {self.fix}." if self.fix else ""
        return f"{self.code}{where}: {self.message}.{fix}"


class BotError(DialtoneError):
    """What our side asked is illegal."""

    code = "BOT"


class ConfigurationError(BotError):
    """A setting is missing or wrong; `field` is its name."""

    code = "CONFIGURATION"


class DialogError(BotError):
    """The bot's code breaks a rule of dialogs, such as awaiting something that is not the call's."""

    code = "DIALOG"


class ReplayMismatch(DialogError):
    """A dialog asked something else than its history answers: new code in mid-call, or a dialog that is not pure."""

    code = "REPLAY_MISMATCH"


class WorkflowError(BotError):
    """What the bot asks for is illegal, or cannot be done on the call's platform: it is found before it is sent.

    `field` names the member that is wrong, `fix` says what would do. The codes are those of docs/reference/errors.md.
    """

    code = "WORKFLOW"

    @classmethod
    def from_violation(cls, violation: ContractViolation) -> "WorkflowError":
        """The bot's side of a violation."""
        return cls(violation.message, field=violation.field, fix=violation.fix, code=violation.code)


class ActionFailed(BotError):
    """The platform could not run an action. `action` is its outcome's type, `reason` the platform's own words.

    `number` and `sub_code` are its numbers for that, 0 where it gave none, `cause` what they are likely caused by, and
    `check` what to look at; both may be empty.
    """

    code = "ACTION_FAILED"

    def __init__(
        self, action: str, reason: str, number: int = 0, sub_code: int = 0, cause: str = "", check: str = ""
    ) -> None:
        super().__init__(
            f"{action} failed: {reason or 'no reason was given'}",
            field=action,
            fix="catch ActionFailed where the dialog can go on without it",
        )
        self.action = action
        self.reason = reason
        self.number, self.sub_code, self.cause, self.check = number, sub_code, cause, check


class ActivityFailed(BotError):
    """A function that the dialog ran raised. `function` is its name, `reason` the type and text of the exception."""

    code = "ACTIVITY_FAILED"

    def __init__(self, function: str, reason: str) -> None:
        super().__init__(
            f"{function} raised {reason}", field=function, fix="catch ActivityFailed where the dialog can go on"
        )
        self.function = function
        self.reason = reason


class PlatformError(DialtoneError):
    """What the other side sent is illegal."""

    code = "PLATFORM"
    http_status = 400


class BadMessage(PlatformError):
    """A message that cannot be read or breaks the contract. `call_id` is the call that it names, empty for none."""

    code = "BAD_MESSAGE"
    call_id = ""

    @classmethod
    def from_violation(cls, violation: ContractViolation, call_id: str = "") -> "BadMessage":
        """The platform's side of a violation."""
        refused = cls(violation.message, field=violation.field, fix=violation.fix, code=violation.code)
        refused.call_id = call_id
        return refused


class AppStateRejected(PlatformError):
    """The appState of a callback is not one that this bot wrote for this call."""

    code = "APPSTATE_REJECTED"


class BodyTooLarge(PlatformError):
    """The body of a request is over the limit."""

    code = "BODY_TOO_LARGE"


class NotFound(PlatformError):
    """There is nothing of this name."""

    code = "NOT_FOUND"
    http_status = 404


class CallUnknown(PlatformError):
    """No call has the id that is named."""

    code = "CALL_UNKNOWN"
    http_status = 404


class CallOver(PlatformError):
    """The call that is named has ended."""

    code = "CALL_OVER"
    http_status = 409


class Unauthorized(PlatformError):
    """The request carries no proof that it comes from the platform; the reply asks for a bearer token."""

    code = "UNAUTHORIZED"
    http_status = 401


class Forbidden(Unauthorized):
    """The proof that a request carries is not good enough, or is not for us."""

    code = "FORBIDDEN"
    http_status = 403


class DependencyError(DialtoneError):
    """Something the kit relies on failed; the same request may succeed later."""

    code = "DEPENDENCY"
    http_status = 503
    retryable = True


class StorageUnavailable(DependencyError):
    """Table or Blob Storage did not answer, or refused for a passing reason."""

    code = "STORAGE_UNAVAILABLE"


class CallEnded(BaseException):
    """The call is over; raised at the `await` of a dialog. `reason` is `callerHungUp`, `lost` or `transferred`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Canceled(Exception):
    """The caller took the cancel choice of a question; raised at its `await`.

    A dialog that was begun by `call.begin` and does not catch it ends with the resume reason `canceled`; the
    outermost one ends as if it had returned.
    """
