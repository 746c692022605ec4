"""Media streams of calls: the address that a stream is opened by, the state of it, and its end.

1. A stream's address names the call and the handler, and has a ticket (`dialtone.media.ticket`) that opens one stream
   of this call and dies with it: TICKET_S seconds. ACS is given one address for all streams of a call, when the call is
   answered or placed: it names no handler and has a standing ticket, good for STANDING_S seconds. The worker asks us
   which stream is wanted (`functions/streams.py`), so that it, too, opens only what a dialog asked for, once for each.
2. On the Skype channel a call that was answered with media is ended by DELETE of the link that the platform gave, in
   three tries, and follows no redirect, as Microsoft's own library did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from dialtone.channels.acs_commands import MediaStreaming, Transcription, wire_of
from dialtone.dialogs import CallBot, Event, Turn, take_turn
from dialtone.dialogs.outside import Outside, complete
from dialtone.errors import ConfigurationError, DependencyError
from dialtone.media import ticket
from dialtone.protocol import (
    Action,
    AnswerAppHostedMedia,
    CallState,
    ConversationResult,
    Hangup,
    Redirect,
    Reject,
    failed_outcome,
)
from functions.http import log
from functions.platform_client import PlatformClient
from functions.settings import Settings, is_private

_REFUSALS: Final = 20
STANDING_S: Final = 24 * 3600
"""As long as the platform's own tokens for a stream are good."""
TICKET_S: Final = 300
"""The platform opens a stream when it has answered; a break is mended with the same ticket while the stream lives."""


@dataclass(frozen=True, slots=True)
class Media:
    """Where the media worker is."""

    url: str
    key: bytes

    @classmethod
    def of(cls, settings: Settings) -> "Media":
        """The worker that DIALTONE_MEDIA_URL and DIALTONE_TICKET_KEY name. Raises `ConfigurationError` without them."""
        if not settings.media_url:
            raise ConfigurationError(
                "a call is to be answered with media, and where the media worker is is not known",
                field="DIALTONE_MEDIA_URL",
                fix="set it to the worker's address, as wss://host",
            )
        try:
            return cls(settings.media_url, ticket.load_key(settings.ticket_key))
        except ValueError as error:
            raise ConfigurationError(
                str(error), field="DIALTONE_TICKET_KEY", fix="set the key that the media worker has"
            ) from None

    def address(self, call_id: str, handler: str, now: float) -> str:
        """Where one stream of a call goes, with a ticket for it that is good for TICKET_S seconds from `now`. Rule
        1."""
        signed = ticket.sign(self.key, call_id, int(now) + TICKET_S)
        query = urlencode({"handler": handler, "ticket": signed})
        return f"{self.url}/media/{quote(call_id, safe='')}?{query}"

    def standing_address(self, call_id: str, now: float) -> str:
        """Where all streams of a call on ACS go, with a ticket that is good for STANDING_S seconds from `now`. Rule
        1."""
        signed = ticket.sign(self.key, call_id, int(now) + STANDING_S, standing=True)
        return f"{self.url}/media/{quote(call_id, safe='')}?{urlencode({'ticket': signed})}"

    def streams(
        self, asked: Mapping[str, Any], call_id: str, now: float, *, standing: bool = False
    ) -> tuple[MediaStreaming, Transcription | None]:
        """The stream that a dialog asked for, and its captions, which come by a connection of their own."""
        handler = str(asked["handler"])
        address = self.standing_address(call_id, now) if standing else self.address(call_id, handler, now)
        media = MediaStreaming(address, unmixed=bool(asked["unmixed"]), rate=int(asked["rate"]))
        if not asked.get("captions"):
            return media, None
        return media, Transcription(address, str(asked["captions"]), intermediate=bool(asked["interim"]))

    def wire(self, asked: Mapping[str, Any], call_id: str, now: float, *, standing: bool = False) -> dict[str, Any]:
        """What the platform is told of a stream that a dialog asked for."""
        return wire_of(*self.streams(asked, call_id, now, standing=standing))


def answer_of(actions: Sequence[Action]) -> AnswerAppHostedMedia | None:
    """The action that answers with media, if there is one."""
    return next((action for action in actions if isinstance(action, AnswerAppHostedMedia)), None)


class RefusedOf(Protocol):
    """What a platform would not take."""

    def __call__(self, actions: Sequence[Action], *, hosted: bool) -> tuple[Action, str] | None:
        """The first action that it would not take, and why, in a call that is `hosted` by a media handler or not."""


async def possible(bot: CallBot, turn: Turn, event: Event, outside: Outside, refused_of: RefusedOf) -> Turn:
    """A turn of a call without what the platform would not take of it.

    The dialog is told of an action that is refused, as if the platform had refused it, and goes on. What it wants to
    say last is only logged, for nobody is there to be told.
    """
    for _ in range(_REFUSALS):
        history = turn.history
        refused = refused_of(turn.actions, hosted=bool(history.media))
        if refused is None:
            break
        action, why = refused
        if history.done:
            log.error("%s is not sent: %s", action.action, why)
            answered = answer_of(turn.actions) is None
            last = Hangup(operation_id=action.operation_id) if answered else Reject(operation_id=action.operation_id)
            # A call that was not answered yet has no stream either.
            kept = history if answered else history._replace(media="")
            return replace(turn, history=kept, actions=[last])
        log.warning("%s is refused: %s", action.action, why)
        rings = answer_of(turn.actions) is not None or isinstance(action, Redirect)
        state = CallState.INCOMING if rings else CallState.ESTABLISHED
        result = ConversationResult(
            id=history.facts.call_id, call_state=state, operation_outcome=failed_outcome(action, why)
        )
        # The same turn goes on; what comes before the refused action is sent.
        sent = turn.actions[: turn.actions.index(action)]
        before = history._replace(sequence=history.sequence - 1)
        event = replace(event, message=result, recording=None)
        turn = await complete(bot, take_turn(bot, before, event), event, outside)
        turn = replace(turn, actions=[*sent, *turn.actions])
    return turn


async def _nothing(method: str, url: str, content: bytes) -> dict[str, str]:
    return {}


async def end_call(link: str) -> bool:
    """Rule 2: whether the platform was told. A call that it does not know any more is over."""
    if not is_private(link):
        log.warning("the platform gave a link to end the call by that is not https")
        return False
    client = PlatformClient("the calling platform", "the link of the call")
    try:
        status, _ = await client.request("DELETE", link, b"", {}, _nothing)
    except DependencyError as error:
        log.warning("the call could not be ended: %s", error)
        return False
    finally:
        await client.close()
    if status >= 400 and status not in (404, 410):
        log.warning("the platform did not end the call: status %d", status)
        return False
    return True
