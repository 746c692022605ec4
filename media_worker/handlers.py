"""What may be bound to a stream, by the name that the stream's URL asks for: a bot's `@bot.media` handlers."""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module

from dialtone import CallBot
from dialtone.media.stream import Stream
from media_worker.settings import SettingsError

Handler = Callable[[Stream], Awaitable[None]]
"""Runs for as long as it wants the stream; returning closes it."""


async def echo(stream: Stream) -> None:
    """Send every frame back."""
    async for frame in stream.audio:
        await stream.send(frame)


HANDLERS: Mapping[str, Handler] = {"echo": echo}
"""Those that every worker has. A bot's handler of the same name comes before them."""


def handlers_of(name: str) -> Mapping[str, Handler]:
    """HANDLERS and those of the bot `module:attribute`. Raises SettingsError if it cannot be loaded."""
    return {**HANDLERS, **bot_of(name).streams}


def bot_of(name: str) -> CallBot:
    """The bot `module:attribute`. Raises SettingsError if it cannot be loaded."""
    module, _, attribute = name.partition(":")
    try:
        bot = getattr(import_module(module), attribute or "bot")
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"DIALTONE_BOT: {name!r} cannot be loaded: {error}; name it as module:attribute") from error
    if not isinstance(bot, CallBot):
        raise SettingsError(f"DIALTONE_BOT: {name!r} is not a CallBot; name the CallBot itself")
    return bot
