"""Messages of a bot that holds the media of its calls itself (Microsoft's BotBuilder-RealTimeMediaCalling).

Such a bot answers with `answerAppHostedMedia` instead of `answer`, and when that has succeeded replies with workflows
that have no actions. It subscribes to video by PUT to the result's `links.subscriptions`, and ends a call by DELETE of
its `links.call`. Rules are in `dialtone.protocol.rules`.
"""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, SerializeAsAny

from dialtone.protocol.actions import Action, reader
from dialtone.protocol.enums import ModalityType, ResolutionFormat, VideoSubscriptionMode
from dialtone.protocol.model import ContractModel
from dialtone.protocol.workflow import WorkflowLinks


class AnswerAppHostedMedia(Action):
    """Accept the call with the bot's own media. `media_configuration` is the media library's, opaque here."""

    kind = "answerAppHostedMedia"
    action: str = "answerAppHostedMedia"
    media_configuration: dict[str, Any]


class MeetingInfo(ContractModel):
    """A meeting, as its organizer's invitation names it."""

    thread_id: str
    message_id: str
    organizer_id: str
    tenant_id: str
    reply_chain_message_id: str | None = None


class JoinSource(ContractModel):
    """As whom a bot joins."""

    identity: str
    display_name: str | None = None


class JoinCallAppHostedMedia(Action):
    """Join a call that is going on, by its `join_token` or by the meeting it belongs to."""

    kind = "joinCallAppHostedMedia"
    action: str = "joinCallAppHostedMedia"
    join_token: str | None = None
    meeting_info: MeetingInfo | None = None
    source: JoinSource | None = None
    call_leg_id: str | None = None
    hidden: bool | None = None
    media_configuration: dict[str, Any]


class VideoSubscription(Action):
    """Receive a participant's video, or shared screen, on socket `socket_id`. Sent by itself, not in a workflow."""

    kind = "videoSubscription"
    action: str = "videoSubscription"
    socket_id: int
    participant_identity: str
    video_modality: ModalityType
    video_resolution: ResolutionFormat | None = None
    video_subscription_mode: VideoSubscriptionMode | None = None

    @property
    def resolution(self) -> ResolutionFormat:
        """The resolution that is asked for: an absent one means sd360p."""
        return self.video_resolution or ResolutionFormat.SD360P


MEDIA_ACTIONS: Final[dict[str, type[Action]]] = {
    model.kind: model for model in (AnswerAppHostedMedia, JoinCallAppHostedMedia)
}

AnyMediaAction = Annotated[SerializeAsAny[Action], BeforeValidator(reader(MEDIA_ACTIONS))]


class MediaWorkflow(ContractModel):
    """The reply of such a bot. After `answerAppHostedMedia` has succeeded its actions are empty or absent."""

    actions: list[AnyMediaAction] | None = None
    links: WorkflowLinks | None = None
    app_state: str | None = None
    notification_subscriptions: list[str] | None = None
