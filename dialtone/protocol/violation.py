"""What is wrong with a message of the calling contract, and how to mend it.

The same rule can be broken by either side, so a violation takes no side: whoever reads the message turns it
into a `PlatformError` (a callback of theirs) or a `BotError` (a workflow of ours).
"""

from typing import Literal

Stage = Literal["parse", "validate"]


class ContractViolation(ValueError):
    """A message breaks the calling contract.

    `code` names the rule (`MISSING:<member>`, `WRONG_TYPE`, or a name from `dialtone.protocol.rules`),
    `field` is the path to the member (`actions.1.prompts.0.value`; empty for the whole message), `fix` says what
    to send instead, and `stage` tells whether the message could not be read (`parse`) or was read and found
    illegal (`validate`).
    """

    def __init__(self, code: str, message: str, *, field: str = "", fix: str = "", stage: Stage = "validate") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.fix = fix
        self.stage = stage

    def __str__(self) -> str:
        where = f" at {self.field}" if self.field else ""
        fix = f" ({self.fix})" if self.fix else ""
        return f"{self.code}{where}: {self.message}{fix}"

    def under(self, prefix: str) -> "ContractViolation":
        """The same violation, its field seen from an enclosing message."""
        field = f"{prefix}.{self.field}" if self.field else prefix
        return ContractViolation(self.code, self.message, field=field, fix=self.fix, stage=self.stage)
