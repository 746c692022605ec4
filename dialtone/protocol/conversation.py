"""What the platform posts: the first message of a call, and the result of each workflow."""

from dialtone.protocol.enums import CallState, ModalityType
from dialtone.protocol.model import ContractModel
from dialtone.protocol.outcomes import AnyOutcome


class Participant(ContractModel):
    """A member of a call.

    `identity` starts with its kind: `8:` a user (`8:orgid:` of Teams, `8:acs:` of Communication Services, else of
    Skype), `28:` a bot, `29:` a hashed Skype user, `2:` and `4:` a telephone. `display_name` and `language_id`
    (`en-US`) are None where the platform does not tell. The `originator` is the one who called.
    """

    identity: str
    display_name: str | None = None
    language_id: str | None = None
    originator: bool

    def same_as(self, other: "Participant") -> bool:
        """Whether both are the same member: identities are compared without case."""
        return self.identity.casefold() == other.identity.casefold()


class Conversation(ContractModel):
    """The first request of a call. `is_multiparty` may be absent and is then false."""

    id: str
    participants: list[Participant]
    is_multiparty: bool = False
    thread_id: str | None = None
    thread_message_id: str | None = None
    subject: str | None = None
    presented_modality_types: list[ModalityType]
    call_state: CallState
    app_id: str | None = None
    app_state: str | None = None
    links: dict[str, str] | None = None

    @property
    def caller(self) -> Participant | None:
        """The participant who started the call; None in a group call that names no originator."""
        return next((member for member in self.participants if member.originator), None)

    @property
    def bot(self) -> Participant | None:
        """The participant that is a bot (`28:`)."""
        return next((member for member in self.participants if member.identity.startswith("28:")), None)


class ConversationResult(ContractModel):
    """Every later request of a call: the outcome of the last workflow.

    `operation_outcome` is that of the last action when all succeeded, else that of the first that failed.
    """

    id: str
    call_state: CallState
    operation_outcome: AnyOutcome
    app_id: str | None = None
    app_state: str | None = None
    links: dict[str, str] | None = None
