"""Loads a bot by its name."""

from importlib import import_module

from dialtone.dialogs import CallBot
from dialtone.errors import ConfigurationError


def load_bot(name: str) -> CallBot:
    """The bot that DIALTONE_BOT names, as `module:attribute` (`bot` if there is none). Raises `ConfigurationError`."""
    module, _, attribute = name.partition(":")
    try:
        bot = getattr(import_module(module), attribute or "bot")
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"{name!r} cannot be loaded: {error}", field="DIALTONE_BOT", fix="name it as module:attribute"
        ) from error
    if not isinstance(bot, CallBot):
        raise ConfigurationError(f"{name!r} is not a CallBot", field="DIALTONE_BOT", fix="name the CallBot itself")
    return bot
