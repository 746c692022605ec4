"""The bot's reply: a list of actions, and where to post their result."""

from dialtone.protocol.actions import AnyAction
from dialtone.protocol.model import ContractModel


class WorkflowLinks(ContractModel):
    """`callback` takes the result of the workflow; `notification`, with subscriptions, the notifications."""

    callback: str
    notification: str | None = None


class Workflow(ContractModel):
    """A workflow. Without `links` the platform runs the actions and then hangs up."""

    actions: list[AnyAction]
    links: WorkflowLinks | None = None
    app_state: str | None = None
    notification_subscriptions: list[str] | None = None
