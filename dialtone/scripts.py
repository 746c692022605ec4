"""The callers' scripts that come with bots: `simulator/scripts/NAME/*.yaml` for the bot `….NAME:attribute`.

Those in a folder `NAME/PLATFORM` are for that platform only; one of them stands in place of the script of the same file
name, where a call is another on that platform.

One rule for all verbs: a script that is named is a file; without one `call`, `load` and `run` follow the first of the
bot's scripts, by name, and `storm` follows all of them.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Final

from dialtone.errors import ConfigurationError

BOTS: Final = "bots"
"""The package of the sample bots."""


def scripts_of(bot: str, platform: str = "skype") -> list[Path]:
    """The scripts that come with `bot`, given as `module:attribute`, in the order of their names; there may be none."""
    folder = _folder() / bot.partition(":")[0].rpartition(".")[2]
    found = {path.name: path for place in (folder, folder / platform) for path in place.glob("*.yaml")}
    return [found[name] for name in sorted(found)]


def scripts_for(bot: str, named: list[Path] | None, *, option: str, platform: str = "skype") -> list[Path]:
    """The scripts that are named, or else those that come with the bot, on that platform.

    Raises ConfigurationError when there is none; `option` is what names one on the command line.
    """
    scripts = named or scripts_of(bot, platform)
    for path in scripts:
        if not path.is_file():
            raise ConfigurationError(f"there is no script {path}", field=option, fix="name a YAML file")
    if not scripts and not _is_there(bot):
        raise ConfigurationError(
            f"there is no module {bot.partition(':')[0]}", field="DIALTONE_BOT", fix="name the bot as module:attribute"
        )
    if not scripts:
        raise ConfigurationError(
            f"no scripts come with {bot}",
            field=option,
            fix=f"name a script of your own, or keep some in {_folder() / bot.partition(':')[0].rpartition('.')[2]}",
        )
    return scripts


def _is_there(bot: str) -> bool:
    """Whether the module of a bot is here or where Python looks; it is not loaded."""
    module = Path(*bot.partition(":")[0].split("."))
    places = [Path(root) / module for root in ("", *sys.path)]
    return any(place.with_suffix(".py").is_file() or (place / "__init__.py").is_file() for place in places)


def sample_bots() -> list[str]:
    """The bots that scripts come with, each as `module:attribute`."""
    return [f"{BOTS}.{folder.name}:bot" for folder in sorted(_folder().iterdir()) if any(folder.glob("*.yaml"))]


def _folder() -> Path:
    simulator = importlib.util.find_spec("simulator")
    assert simulator is not None
    assert simulator.origin is not None
    return Path(simulator.origin).parent / "scripts"
