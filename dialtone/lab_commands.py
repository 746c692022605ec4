"""The verbs of the `dialtone` command that experiment on a bot: many calls, and storms."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table as RichTable

from dialtone import stored
from dialtone.errors import ConfigurationError
from dialtone.lab import Calls, Household, Table, household
from dialtone.ringing import Event, Time, ring, simulate
from dialtone.stack import DEFAULT_BOT, HOME
from dialtone.transcript import printable

_APP_DIR: Final = Path()
_out = Console(highlight=False, markup=False)
_meanwhile = Console(highlight=False, markup=False, stderr=True, style="dim")


def call_many(
    bot: str, script: Path, *, time: Time, seed: int | None, logs: Path, options: Sequence[str], as_json: bool
) -> bool:
    """Ring the bot many times, tell what came of it, and say whether all was well."""
    calls = Calls()
    with closing(ring(bot, script, time=time, seed=seed, app_dir=_APP_DIR, logs=logs, options=options)) as lines:
        for number, _ in enumerate(calls.take(lines), 1):
            if number % 100 == 0 and not as_json:
                _meanwhile.print(f"{number:,} calls, {len(calls.failed):,} not as expected")
    if as_json:
        print(json.dumps(calls.document(), ensure_ascii=False))
    else:
        for line in calls.lines(f"dialtone call {script} --seed {{seed}}"):
            _out.print(printable(line), soft_wrap=True)
    return calls.ok


def storm(
    bot: Annotated[str, typer.Argument(help="The bot, as module:name.")] = DEFAULT_BOT,
    script: Annotated[
        list[Path] | None,
        typer.Option(help="A caller's script; may be given again. Without one: all samples that fit."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same storm.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Call a bot with every fault at every gap of its calls. Exit 1: a call told another story, or broke the contract.

    For each failure the smallest script that shows it again is kept in .dialtone/storm.
    """
    scripts = script or sample_scripts(bot)
    for path in scripts:
        if not path.is_file():
            raise ConfigurationError(f"there is no script {path}", field="--script", fix="name a YAML file")
    logs = HOME / "logs" / "storm"
    table = Table()
    _meanwhile.print("Starting storage, functions and media worker ...")
    with household(_APP_DIR, bot=bot, logs=logs) as home:
        arguments = ["storm", *(str(path.resolve()) for path in scripts), "--bot", home.stack.calls_url]
        arguments += [*home.options, *(["--seed", str(seed)] if seed is not None else [])]
        with closing(simulate(arguments, app_dir=_APP_DIR, logs=logs)) as lines:
            for line in lines:
                if line["kind"] == "storm":
                    table.seed = line["seed"]
                    continue
                table.cells.append(_with_storage(line, home))
                if not as_json:
                    _meanwhile.print(_progress(table))
    kept = _keep(table)
    if as_json:
        print(json.dumps({"ok": not table.failed, "seed": table.seed, "cells": table.cells}, ensure_ascii=False))
    else:
        _show(table, kept)
    raise typer.Exit(1 if table.failed or not table.cells else 0)


def sample_scripts(bot: str) -> list[Path]:
    """The scripts for a bot that come with the simulator: in the folder of the bot's module, else for its default."""
    import importlib.util

    found = importlib.util.find_spec("simulator")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "scripts"
    own = folder / bot.partition(":")[0].rpartition(".")[2]
    return sorted(own.glob("*.yaml")) if own.is_dir() else sorted(folder.glob("*.yaml"))


def _with_storage(line: Event, home: Household) -> dict[str, Any]:
    """A cell of the storm, with what is wrong in storage: a turn or a recording that is missing or was made twice."""
    cell = dict(line)
    if not cell["ok"]:
        return cell
    kept = stored.read(home.stack.connection, cell["call_id"])
    twice = len(kept.recordings) != len({each.operation_id for each in kept.recordings})
    reasons = kept.faults(()) + (["a recording was stored twice"] if twice else [])
    return {**cell, "ok": not reasons, "reasons": reasons}


def _progress(table: Table) -> str:
    cell = table.cells[-1]
    where = "calm" if cell["fault"] is None else f"{cell['fault']}@{cell['request']}"
    return printable(f"{cell['script']}: {where}: {'ok' if cell['ok'] else 'FAIL'}")


def _keep(table: Table) -> dict[int, Path]:
    """Write the smallest scripts; the number of a cell among the failed, and where its script is."""
    kept: dict[int, Path] = {}
    folder = HOME / "storm"
    for number, cell in enumerate(table.failed):
        if cell["smallest"]:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{number + 1}-{cell['fault'].replace('=', '-')}-at-{cell['request']}.yaml"
            path.write_text(cell["smallest"], encoding="utf-8")
            kept[number] = path
    return kept


def _show(table: Table, kept: dict[int, Path]) -> None:
    shown = RichTable("fault at each gap", *map(printable, table.scripts))
    for row in table.rows():
        shown.add_row(*map(printable, row))
    _out.print(shown)
    for number, cell in enumerate(table.failed):
        where = "calm" if cell["fault"] is None else f"{cell['fault']} at request {cell['request']}"
        _out.print(printable(f"{cell['script']}, {where}: {'; '.join(cell['reasons'])}"), soft_wrap=True)
        if number in kept:
            _out.print(f"  again: dialtone call {kept[number]} --seed {cell['seed']}", soft_wrap=True)
    total = len(table.cells)
    said = f"FAIL: {len(table.failed)} of {total} calls" if table.failed else f"PASS: all {total} calls"
    _out.print(f"{said} stood the storm (seed {table.seed})" if not table.failed else f"{said} (seed {table.seed})")
