"""The verbs of the `dialtone` command.

What a verb reports goes to standard output, what it is doing meanwhile to standard error. Colour is for terminals
only, and not where NO_COLOR is set.
"""

import asyncio
import importlib.util
import json
import os
import shutil
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from dialtone import __version__, ringing, running
from dialtone.errors import ConfigurationError
from dialtone.program import Interrupted
from dialtone.report import report
from dialtone.stack import DEFAULT_BOT, HOME, Host, Stack
from dialtone.storage import Storage, open_storage
from dialtone.storage.prompts import PROMPTS_CONTAINER
from dialtone.transcript import show

app = typer.Typer(
    name="dialtone",
    help="A calling bot on your own machine: ring it, run it, change its prompts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
prompts = typer.Typer(help="The prompts that operators upload.", no_args_is_help=True)
app.add_typer(prompts, name="prompts")

_out = Console(highlight=False)
_meanwhile = Console(highlight=False, stderr=True, style="dim")


class Time(StrEnum):
    """How the time of a call passes."""

    virtual = "virtual"
    real = "real"


BotModule = Annotated[str, typer.Option(help="The bot, module:name.", envvar="DIALTONE_BOT")]
HostChoice = Annotated[
    Host, typer.Option(help="What runs the functions; auto takes Core Tools if installed.", envvar="DIALTONE_HOST")
]


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Say the version and exit.")] = False) -> None:
    if version:
        print(f"dialtone {__version__}")
        raise typer.Exit


@app.command()
def call(
    script: Annotated[
        Path | None, typer.Argument(help="What the caller does; YAML. Default: leaves a message.")
    ] = None,
    bot: Annotated[str | None, typer.Option(help="Address of a running bot. Default: a stack is started.")] = None,
    time: Annotated[Time, typer.Option(help="Whether to wait as long as a call takes.")] = Time.virtual,
    seed: Annotated[int | None, typer.Option(help="Makes the call the same again.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")] = False,
    bot_module: BotModule = DEFAULT_BOT,
    host: HostChoice = "auto",
) -> None:
    """Place one scripted call, show it, and check what was stored. Exit 0 if it ended as the script expects, else 1."""
    script = _script(script)
    here: AbstractContextManager[Stack | None] = nullcontext()
    if bot is None:
        here = Stack(Path(), bot=bot_module, host=host, simulator=False, logs=HOME / "logs" / "call")
        _meanwhile.print("Starting storage, functions and media worker …")
    with here as stack:
        address = stack.calls_url if stack else bot or ""
        placed = ringing.Call(script, address, time.value, seed, logs=HOME / "logs" / "call")
        for event in placed.events():
            if not as_json:
                show(_out, event)
        if stack:
            stack.check()
        result = placed.result(stack.connection if stack else _storage_of(address))
    if as_json:
        print(json.dumps({"verdict": result.verdict, "ledger": result.ledger, "stored": result.stored_document}))
    else:
        report(_out, result)
    raise typer.Exit(0 if result.ok else 1)
