"""Calls whose media the bot has itself, on the Skype platform (Microsoft's BotBuilder-RealTimeMediaCalling).

1. `answerAppHostedMedia` opens the stream that its `mediaConfiguration` names (`simulator.media.options`); it has
   succeeded when the stream is open. The contract leaves the configuration to the media library; this one is ours.
2. After that success a reply has no actions. The call goes on until the caller hangs up, or the bot ends it by DELETE
   of `links.call`; a bot that does neither for a while after its stream is over is at fault.
3. The bot subscribes to a participant's pictures by PUT of a videoSubscription to `links.subscriptions`.

Both links are of a small server on this machine, which lives as long as the call.
"""

import asyncio
from typing import Final

from aiohttp import web

from dialtone.media.messages import MediaType
from dialtone.protocol import (
    AnswerAppHostedMedia,
    AnswerAppHostedMediaOutcome,
    CallState,
    ContractViolation,
    ModalityType,
    OutcomeValue,
    ResolutionFormat,
    VideoSubscription,
    rules,
)
from simulator.line import CallOver, Line
from simulator.media.leg import MediaLeg
from simulator.media.options import OptionsError, StreamOptions
from simulator.platforms.skype_actions import Done

LOOK_S: Final = 0.1
PATH: Final = "/platform/v1/calls/"


class SkypeMedia:
    """The media of one call. `problems` gets what the bot did wrong."""

    def __init__(self, line: Line, leg: MediaLeg, call_id: str, problems: list[str]) -> None:
        self.answered = False
        self.links: dict[str, str] = {}
        """Those that the results of this call have; empty until it is answered."""
        self._line, self._leg, self._call_id, self._problems = line, leg, call_id, problems
        self._server: web.AppRunner | None = None

    async def answer(self, action: AnswerAppHostedMedia) -> Done:
        """Rule 1."""
        try:
            options = StreamOptions.from_wire(action.media_configuration)
        except OptionsError as error:
            return Done(_outcome(action, f"mediaConfiguration: {error}"), CallState.INCOMING)
        try:
            await self._line.quiet(0)
            stream = self._leg.start(options)
            async with self._line.clock.io():
                is_open = await stream.opened()
            await self._line.quiet(0)
        except CallOver:
            return Done(_outcome(action, "the call is over"), CallState.TERMINATED)
        if not is_open:
            why = f"the media stream was not opened: {stream.reason} {stream.code or ''} {stream.detail}"
            return Done(_outcome(action, why.strip()), CallState.INCOMING)
        self.answered = True
        self._line.answer()
        async with self._line.clock.io():
            address = await self._serve()
        self.links = {"call": address, "subscriptions": f"{address}/subscriptions"}
        return Done(_outcome(action))

    async def hold(self, idle_s: float) -> None:
        """Rule 2: until the call is over."""
        line, stream = self._line, self._leg.stream
        assert stream is not None, "it was answered with a stream"
        try:
            while stream.state != "over":
                await line.quiet(LOOK_S)
            # The bot's worker and functions live in real time, whatever the line's clock is.
            for _ in range(round(idle_s / LOOK_S)):
                async with line.clock.io():
                    await asyncio.sleep(LOOK_S)
                await line.quiet(LOOK_S if line.clock.virtual else 0)
        except CallOver:
            return
        self._problems.append(f"the bot's media stream was over, and it did not end the call for {idle_s:g} s")

    async def close(self) -> None:
        """The call is over: so is the stream."""
        await self._leg.stop()
        if self._leg.stream is not None:
            self._problems += self._leg.stream.problems
        if self._server is not None:
            async with self._line.clock.io():
                await self._server.cleanup()

    def cancel(self) -> None:
        """Nobody waits for the call any more."""
        self._leg.cancel()

    async def _serve(self) -> str:
        """Rules 2 and 3; the address of `links.call`."""
        app = web.Application()
        path = f"{PATH}{self._call_id}"
        app.router.add_delete(path, self._ended)
        app.router.add_put(f"{path}/subscriptions", self._subscribed)
        self._server = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._server.setup()
        await web.TCPSite(self._server, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._server.addresses[0][1]}{path}"

    async def _ended(self, request: web.Request) -> web.Response:
        if self._line.over_by is not None:
            return web.Response(status=404)
        self._line.hang_up("bot")
        return web.Response(status=202)

    async def _subscribed(self, request: web.Request) -> web.Response:
        try:
            wanted = VideoSubscription.from_wire(await request.json())
            rules.check_action(wanted)
        except (ContractViolation, ValueError) as error:
            self._problems.append(f"a video subscription is illegal: {error}")
            return web.json_response({"error": {"message": str(error)}}, status=400)
        stream = self._leg.stream
        if stream is None or wanted.participant_identity not in stream.participants:
            return web.Response(status=404)
        is_screen = wanted.video_modality is ModalityType.VIDEO_BASED_SCREEN_SHARING
        kind = MediaType.SCREEN if is_screen else MediaType.VIDEO
        resolution = wanted.video_resolution or ResolutionFormat.SD360P
        stream.subscriptions[wanted.participant_identity, kind] = str(resolution).lower()
        return web.Response(status=202)


def _outcome(action: AnswerAppHostedMedia, why: str = "") -> AnswerAppHostedMediaOutcome:
    value = OutcomeValue.FAILURE if why else OutcomeValue.SUCCESS
    return AnswerAppHostedMediaOutcome(
        type="answerAppHostedMediaOutcome", id=action.operation_id, outcome=value, failure_reason=why or None
    )
