"""The replay engine: a call is a history, a turn is a function.

    take_turn(bot, history, event) -> Turn(history + [outcome], actions)

1. The dialog is run from its start and fed the outcomes of the history, each checked against the fingerprint of
   the request that it answered, until it asks for something that the history does not have.
2. The event answers the request that the last turn asked; what is queued after that is the workflow.
3. A request for the outside world (an activity) is not done here but returned; the caller of the engine does it and
   calls `finish_activity` (`dialtone.dialogs.outside` is how).
4. The workflow is legal by construction: `answer` is put first when the call is not answered yet; when the dialog
   returns, `hangup` is put last, or the call is rejected if nothing was said.
5. When the call is over, `CallEnded` is raised at the await, what is queued is dropped, activities still run.
6. When the dialog fails, the dialog `on_error` begins with a fresh history, once; without one the apology is spoken
   and the call hung up. When the dialog asked something else than its history answers, or was cut off, what it had
   queued is dropped too.
7. A dialog that does more than `tape.STEPS` things in one turn is cut off; it cannot catch that.
8. An action that is refused is an entry of the history too: when the dialog is run again it is refused again.
9. A dialog that waits is put aside by closing it. What its `finally` blocks do then does not count.
10. Once the platform has reported that the call is over, whatever comes after changes nothing and gets no actions.
11. A signal is looked for, as an activity, when it is asked for first and after each workflow that fills the waiting.
    Such a workflow adds nothing to the history: only what the waiting came to is an entry. In a call with media of the
    bot's own nothing fills the waiting: a turn without actions is over, and the signal itself is the next event.

Nothing here touches network, clock, environment or randomness: time and chance come with the event.
"""

import json
from dataclasses import replace
from typing import Any, Final

from dialtone import protocol
from dialtone.dialogs.bot import OUTGOING, CallBot
from dialtone.dialogs.drive import WAITED, Drive
from dialtone.dialogs.history import CallFacts, History, dumps
from dialtone.dialogs.library import INCOMING
from dialtone.dialogs.requests import Code, Look, entry
from dialtone.dialogs.secret import kept
from dialtone.dialogs.turn import Event, Placed, Turn
from dialtone.dialogs.user import User
from dialtone.protocol import CallState, CallStateChange, Conversation, ConversationResult
from dialtone.protocol.states import OVER

RESULT_MAX: Final = 32_768
"""Characters that the result of an activity may have as JSON: it is kept in the history, and in the row of its turn."""


def take_turn(bot: CallBot, history: History | None, event: Event) -> Turn:
    """Answer an event of a call. `history` is None for the first one, a `Conversation` or `Placed`.

    Raises nothing for what a dialog does wrong: that is in the turn's `error`.
    """
    message = event.message
    if isinstance(message, Conversation):
        history = History(CallFacts.of(message, event.at), INCOMING)
    elif isinstance(message, Placed):
        facts = CallFacts.of(message.conversation, event.at)
        args = json.loads(dumps(dict(message.args)))
        # The bot rang; the call is with the one who answered.
        rung = [member for member in facts.participants if not member.originator]
        user = User.of(rung[0]) if len(rung) == 1 else None
        history = History(facts, OUTGOING, args, answered=True, user=user, media=message.media)
        if message.media:
            history = history._replace(streams=1, stream="open")
    assert history is not None, "only a Conversation begins a call, or a placed one"
    before = history.state
    history = history._replace(sequence=history.sequence + 1, state=_state_after(before, message))
    if isinstance(message, Conversation) and history.state in OVER:
        return Turn(history._replace(done=True))
    if history.done:
        return Turn(history, [] if before in OVER else _after_the_end(history, message))
    return Drive(bot, history, event, event_taken=event.begins).take()


def finish_activity(bot: CallBot, turn: Turn, event: Event, *, result: Any = None, error: str = "") -> Turn:
    """Go on with a turn whose activity is done: `result` is what came of it, `error` what it raised (type and text).

    Of a function the result is what it returned; of `Load` the bag; of `Place` the id of the new call; of `AskMeeting`
    the document of a `Meeting`; of `Look` the signal as [id, value], None when there is none, False when none will
    come. A result that JSON cannot say, or that is
    too large to keep, fails the request as if the function had raised.
    """
    activity = turn.activity
    assert activity is not None, "the turn waits for no activity"
    try:
        text = kept(result)
        size = len(dumps(result[1])) if result and isinstance(activity.work, Look) else len(text)
        if size > RESULT_MAX:
            raise ValueError(f"it has {size} characters, {RESULT_MAX} are kept; return an id instead")
        result = json.loads(text)
    except (TypeError, ValueError) as problem:
        error = f"its result cannot be kept as JSON: {problem}"
    mark = activity.fingerprint
    if isinstance(activity.work, Look) and not error:
        if result is None:
            nothing = replace(activity, found=False)
            return Drive(bot, turn.history._replace(pending=""), event, event_taken=True, after=nothing).take()
        code = Code.ANSWERED if result else Code.UNANSWERED
        found = entry(mark, code, WAITED if activity.waited else "", result or None)
        history = turn.history._replace(entries=(*turn.history.entries, found), pending="")
        return Drive(bot, history, event, event_taken=True, after=activity).take()
    # The text of an exception is anything: it may be huge, and hold what UTF-8 cannot say.
    reason = error[:RESULT_MAX].encode(errors="replace").decode()
    done = entry(mark, Code.UNANSWERED, reason) if reason else entry(mark, Code.ANSWERED, "", result)
    history = turn.history._replace(entries=(*turn.history.entries, done), pending="")
    return Drive(bot, history, event, event_taken=True, after=activity).take()


def _state_after(before: CallState, message: object) -> CallState:
    """The state of the call, as far as the platform has told; one that is not understood tells nothing."""
    if isinstance(message, Placed):
        reported = message.conversation.call_state
    elif isinstance(message, (Conversation, ConversationResult)):
        reported = message.call_state
    elif isinstance(message, CallStateChange):
        reported = message.current_state
    else:
        return before
    return before if reported is CallState.UNKNOWN or before in OVER else reported


def _after_the_end(history: History, message: object) -> list[protocol.Action]:
    """The dialog is over. If the platform did not come as far as the hang-up, it is told again."""
    if not isinstance(message, ConversationResult) or message.call_state in OVER:
        return []
    final = (protocol.HangupOutcome, protocol.RejectOutcome, protocol.TransferOutcome)
    outcome = message.operation_outcome
    if isinstance(outcome, final) and outcome.succeeded:
        return []
    return [protocol.Hangup(operation_id=f"{history.sequence}-0")]
