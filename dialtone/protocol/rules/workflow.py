"""Rules 4 to 8: workflows. The rules are in `dialtone.protocol.rules`."""

from dialtone.protocol.actions import Action, Transfer
from dialtone.protocol.media import MediaWorkflow
from dialtone.protocol.rules import commands
from dialtone.protocol.rules.actions import check_action, check_transfer
from dialtone.protocol.rules.common import app_state, link
from dialtone.protocol.rules.limits import RANKS, REPEATABLE, STANDALONE
from dialtone.protocol.violation import ContractViolation
from dialtone.protocol.workflow import Workflow


def check_workflow(workflow: Workflow, *, loopback_http: bool = False) -> None:
    """Rules 4 to 19. With `loopback_http` a link may also be http to this machine, for a bot under development."""
    check_actions(workflow.actions)
    for index, action in enumerate(workflow.actions):
        if isinstance(action, Transfer):
            try:
                check_transfer(action)
            except ContractViolation as violation:
                raise violation.under(f"actions.{index}") from None
    check_envelope(workflow, loopback_http=loopback_http)


def check_envelope(workflow: Workflow | MediaWorkflow, *, loopback_http: bool = False) -> None:
    """Rule 8: what goes round the actions of a workflow."""
    links = workflow.links
    if links is not None:
        link(links.callback, "CALLBACK", "links.callback", loopback_http)
        if links.notification is not None:
            link(links.notification, "NOTIFICATION", "links.notification", loopback_http)
            if not workflow.notification_subscriptions:
                raise ContractViolation(
                    "NOTIFICATION_WITHOUT_SUBSCRIPTION",
                    "a notification link is only for workflows that subscribe",
                    field="links.notification",
                    fix="add notificationSubscriptions or leave the link out",
                )
    app_state(workflow.app_state)


def check_actions(actions: list[Action]) -> None:
    """Rules 4 to 7 and what they name: the list of actions of a workflow."""
    if not actions:
        raise ContractViolation(
            "ACTIONS_EMPTY", "a workflow has at least one action", field="actions", fix="add an action"
        )
    alone = next((action for action in actions if action.action in STANDALONE), None)
    if alone is not None and len(actions) > 1:
        raise ContractViolation(
            "ACTION_NOT_ALONE",
            f"{alone.action} must be the only action",
            field=f"actions.{actions.index(alone)}",
            fix="send it in a workflow of its own",
        )
    ranks = RANKS | commands.RANKS
    rank = min(ranks.values())
    for index, action in enumerate(actions):
        try:
            check_action(action)
        except ContractViolation as violation:
            raise violation.under(f"actions.{index}") from None
    seen: set[str] = set()
    for index, action in enumerate(actions):
        if action.action not in ranks:
            raise ContractViolation(
                "ACTION_WITHOUT_RANK",
                f"{action.action} cannot be in a workflow",
                field=f"actions.{index}",
                fix=f"send one of {', '.join(ranks)}",
            )
        if ranks[action.action] < rank:
            raise ContractViolation(
                "ACTION_ORDER",
                f"{action.action} comes too late: answer is first, hangup is last",
                field=f"actions.{index}",
                fix="order the actions: answer, then prompts and questions, then hangup",
            )
        if action.action in seen and action.action not in REPEATABLE:
            raise ContractViolation(
                "ACTION_DUPLICATE",
                f"{action.action} may come only once in a workflow",
                field=f"actions.{index}",
                fix="send the second one in the next workflow",
            )
        rank = ranks[action.action]
        seen.add(action.action)


def check_media_workflow(workflow: MediaWorkflow, *, answered: bool = False, loopback_http: bool = False) -> None:
    """Rules 24 and 8: the reply of a bot with media of its own; `answered` after its media answer has succeeded."""
    actions = workflow.actions or []
    if answered:
        if actions:
            raise ContractViolation(
                "ACTIONS_NOT_EMPTY",
                "after the media answer a workflow has no actions",
                field="actions",
                fix="leave actions out; talk to the caller by the media",
            )
    elif not actions:
        raise ContractViolation(
            "ACTIONS_EMPTY", "the first workflow answers the call", field="actions", fix="add answerAppHostedMedia"
        )
    elif len(actions) > 1:
        raise ContractViolation(
            "ACTION_NOT_ALONE",
            f"{actions[0].action} must be the only action",
            field="actions.0",
            fix="send it in a workflow of its own",
        )
    for action in actions:
        try:
            check_action(action)
        except ContractViolation as violation:
            raise violation.under("actions.0") from None
    check_envelope(workflow, loopback_http=loopback_http)
