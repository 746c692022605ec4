"""The words of a dialog whose call has media of the bot's own: a stream to the media worker.

While such a call goes on, the platform tells a dialog nothing by itself. So what waits for a signal waits for as long
as it takes, costs nothing, and goes on the moment that the signal comes.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal

from dialtone import protocol
from dialtone.dialogs.attending import Attending
from dialtone.dialogs.requests import Look, Request
from dialtone.dialogs.words import word
from dialtone.errors import DialogError
from dialtone.protocol import ModalityType

MEDIA_ENDED: Final = "media_ended"
"""The signal by which the media worker says that a call's first stream is over; see `media_end`."""

Rate = Literal[16_000, 24_000]
"""Hz."""

_EVER: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class MediaEnd:
    """How a media stream ended.

    `reason` is one of `dialtone.media.stream.Closed`, `detail` what the worker says besides, `handler` the name that
    the stream was opened with. All of it is empty where only the platform told of the end.
    """

    reason: str
    detail: str = ""
    handler: str = ""


def stream_of(
    known: Container[str], handler: str, unmixed: bool, rate: int, captions: str, interim: bool
) -> dict[str, Any]:
    """What is asked of a stream, as an action has it. Raises ValueError for a handler that is not one of these."""
    check_handler(known, handler)
    wanted: dict[str, Any] = {"handler": handler, "unmixed": unmixed, "rate": rate}
    return wanted | ({"captions": captions, "interim": interim} if captions else {})


def check_handler(known: Container[str], handler: str) -> None:
    """Raise ValueError for a handler that is not one of these."""
    if handler not in known:
        raise ValueError(f"there is no media handler named {handler!r}")


def handler_of(stream: Mapping[str, Any] | None) -> str:
    """The media handler of what is asked of a stream; empty for none."""
    return str(stream["handler"]) if stream else ""


def media_end(number: int) -> str:
    """The signal by which it is said that the stream of this number is over: each has its own, for the end of one may
    be told twice, and late.
    """
    return MEDIA_ENDED if number <= 1 else f"{MEDIA_ENDED}-{number}"


class Streaming(Attending):
    """Answers a call with media, starts and stops them, and waits for their end."""

    def answer(
        self,
        accept: Sequence[ModalityType | str] = (ModalityType.AUDIO,),
        *,
        media: str | None = None,
        unmixed: bool = False,
        rate: Rate = 16_000,
        captions: str = "",
        interim: bool = False,
    ) -> None:
        """Answer the call before anything else; the first word that is said does it by itself.

        With `media` the call's sound goes to the media handler of this name (`CallBot.media`), as PCM of `rate` Hz:
        all who speak as one, or each by a name when it is `unmixed`. On the Skype channel the call is the handler's
        from then on: nothing can be said or asked in any other way.

        With `captions`, a language such as `en-US`, the platform's transcriber writes down what is said, and the
        handler reads it in `stream.captions`; with `interim` also what may change yet. On ACS only, where it needs the
        speech service.

        Raises `WorkflowError` when the call is answered already or something was queued before, and `DialogError` for a
        media handler that the bot does not have.
        """
        if media is None:
            modalities = [ModalityType(modality) for modality in accept]
            self._run.queue("answer", lambda op: protocol.Answer(operation_id=op, accept_modality_types=modalities))
            return
        wanted = self._stream("answer", media, unmixed, rate, captions, interim)
        self._run.queue(
            "answerAppHostedMedia",
            lambda op: protocol.AnswerAppHostedMedia(operation_id=op, media_configuration=dict(wanted)),
        )
        self._run.media, self._run.stream = media, "open"
        self._run.streams += 1

    @word
    async def start_media(self, media: str) -> None:
        """Open a media stream to the media handler of this name, in a call that goes on; returns when it is open.

        The dialog says and asks things meanwhile as ever, `signal` hears what the handler tells, `stop_media` ends the
        stream and `media_ended` waits for its end; then another may be opened. Its sound is that of the answer: `rate`
        and `unmixed` of an answer with media, else 16 kHz and mixed.

        Raises `ActionFailed` when the platform cannot open it, which is always so where `docs/reference/channels.md`
        refuses it, and `DialogError` while a stream is open and for a media handler that the bot does not have.
        """
        run = self._run
        self._known(media, "start_media")
        if run.stream == "open":
            raise DialogError(
                "the call has a media stream that is open",
                field="start_media",
                fix="write `await call.stop_media()` first, or wait with `await call.media_ended()`",
            )
        run.streams += 1
        number = run.streams
        run.stream = "over"  # until it is open
        await self._command(
            "startMedia", media, lambda op: protocol.StartMedia(operation_id=op, handler=media, number=number)
        )
        run.media, run.stream = media, "open"

    @word
    async def stop_media(self) -> None:
        """Have the platform end the media stream that is open; `media_ended` waits until it is over.

        The call goes on. Raises `ActionFailed` when the platform does not end it, which is always so where
        `docs/reference/channels.md` refuses it, and `DialogError` in a call without a stream.
        """
        run = self._run
        if run.stream != "open":
            raise DialogError(
                "the call has no media stream that could be ended",
                field="stop_media",
                fix='open one first: await call.start_media("name")',
            )
        await self._command("stopMedia", run.media, lambda op: protocol.StopMedia(operation_id=op))
        run.stream = "stopped"

    @word
    async def start_captions(self, language: str = "") -> None:
        """Have the transcriber write down what is said from here on, in another language where one is given.

        The call was answered, or placed, with `captions`. Raises `ActionFailed` where it was not.
        """
        await self._command(
            "startCaptions", language, lambda op: protocol.StartCaptions(operation_id=op, culture=language or None)
        )

    @word
    async def stop_captions(self) -> None:
        """Have nothing more written down. Raises `ActionFailed`."""
        await self._command("stopCaptions", None, lambda op: protocol.StopCaptions(operation_id=op))

    def _stream(self, field: str, media: str, unmixed: bool, rate: int, captions: str, interim: bool) -> dict[str, Any]:
        """What is asked of a stream. Raises `DialogError` for a media handler that the bot does not have."""
        self._known(media, field)
        return stream_of(self._run.bot.streams, media, unmixed, rate, captions, interim)

    @word
    async def media_ended(self) -> MediaEnd:
        """Wait until the media stream that the call was answered with, or that was started last, is over; return why.

        The handler has returned or failed, the worker was stopped or lost, or the stream was closed. Raises
        `ActionFailed` when the stream could not be opened, and `DialogError` in a call without media.
        """
        run = self._run
        if run.stream not in ("open", "stopped"):
            raise DialogError(
                "the call has no media stream that could end",
                field="media_ended",
                fix='answer with one: call.answer(media="name"), or start one: await call.start_media("name")',
            )
        name = media_end(run.streams)
        answer = await Request("signal", name, work=Look(name, run.heard), deadline=inf, polls=_EVER)
        run.stream = "over"
        told = answer.value[1] if answer.ok and isinstance(answer.value[1], dict) else {}
        return MediaEnd(*(str(told.get(name, "")) for name in ("reason", "detail", "handler")))

    def _known(self, media: str, field: str) -> None:
        """Raise `DialogError` for a media handler that the bot does not have."""
        try:
            check_handler(self._run.bot.streams, media)
        except ValueError as error:
            known = ", ".join(sorted(self._run.bot.streams))
            fix = f"use one of: {known}" if known else "register one with @bot.media(...)"
            raise DialogError(str(error), field=field, fix=fix) from None
