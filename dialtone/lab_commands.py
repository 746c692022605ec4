"""The verbs of the `dialtone` command that experiment on a bot: many calls, storms, crowds."""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table as RichTable

from dialtone import stored
from dialtone.errors import ConfigurationError, StorageUnavailable
from dialtone.lab import Calls, Household, Table, household
from dialtone.load_report import figures, page
from dialtone.platforms import Name, arrange, journal_id, refuse_running
from dialtone.report_page import can_be_written
from dialtone.ringing import Event, Time, ring, simulate
from dialtone.run_logs import own_logs
from dialtone.running import bot_at
from dialtone.scripts import sample_bots, scripts_for
from dialtone.stack import DEFAULT_BOT, HOME, Stack
from dialtone.transcript import printable

Arrivals = Literal["steady", "poisson", "burst"]
"""How a crowd comes; `simulator/crowd.py` says what each is."""

_APP_DIR: Final = Path()
_READS: Final = 3
_out = Console(highlight=False, markup=False)
_meanwhile = Console(highlight=False, markup=False, stderr=True, style="dim")


def call_many(
    bot: str,
    script: Path,
    again: str,
    *,
    time: Time,
    seed: int | None,
    logs: Path,
    options: Sequence[str],
    as_json: bool,
) -> bool:
    """Ring the bot many times, tell what came of it, and say whether all was well. `again` makes one of the calls."""
    calls = Calls()
    with closing(ring(bot, script, time=time, seed=seed, app_dir=_APP_DIR, logs=logs, options=options)) as lines:
        for number, _ in enumerate(calls.take(lines), 1):
            if number % 100 == 0 and not as_json:
                _meanwhile.print(f"{number:,} calls, {len(calls.failed):,} not as expected")
    if as_json:
        print(json.dumps(calls.document(), ensure_ascii=False))
    else:
        for line in calls.lines(f"{again} --seed {{seed}}"):
            _out.print(printable(line), soft_wrap=True)
    return calls.ok


def storm(
    bots: Annotated[
        list[str] | None, typer.Argument(help="The bots, as module:name.", show_default=DEFAULT_BOT)
    ] = None,
    script: Annotated[
        list[Path] | None,
        typer.Option(help="A caller's script; may be given again. Without one: all that come with each bot."),
    ] = None,
    samples: Annotated[bool, typer.Option("--samples", help="All bots that scripts come with.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Make only each so many-th of the calls with a fault.")] = 1,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same storm.")] = None,
    platform: Annotated[Name, typer.Option(help="What calls the bot: the wire of which platform.")] = "skype",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Call bots with every fault at every gap of their calls. Exit 1: a call told another story, or broke the contract.

    For each failure the smallest script that shows it again is kept in a folder of this run, in .dialtone/storm.
    """
    if samples and bots:
        raise ConfigurationError("--samples names all bots by itself", field="BOTS", fix="leave out one of both")
    chosen = sample_bots() if samples else bots or [DEFAULT_BOT]
    scripts = {bot: scripts_for(bot, script, option="--script", platform=platform) for bot in chosen}
    table = Table(seed=secrets.randbits(32) if seed is None else seed)
    run = own_logs("storm")
    for bot in chosen:
        _blow(table, bot, scripts[bot], every, platform, run / bot.replace(":", "."), quiet=as_json)
    kept = _keep(table, HOME / "storm" / run.name)
    if as_json:
        document = {"ok": not table.failed, "seed": table.seed, "cells": table.cells, "left_out": table.left_out}
        print(json.dumps(document, ensure_ascii=False))
    else:
        _show(table, kept, platform)
    raise typer.Exit(1 if table.failed or not table.cells else 0)


def _blow(
    table: Table, bot: str, scripts: Sequence[Path], every: int, platform: Name, logs: Path, *, quiet: bool
) -> None:
    """A storm over one bot, whose cells go into the table."""
    _meanwhile.print(f"Starting storage, functions and media worker for {bot} ...")
    with household(_APP_DIR, bot=bot, logs=logs, platform=platform) as home:
        arguments = ["storm", *(str(path.resolve()) for path in scripts), "--bot", home.stack.calls_url]
        arguments += [*home.options, "--seed", str(table.seed), "--every", str(every)]
        with closing(simulate(arguments, app_dir=_APP_DIR, logs=logs)) as lines:
            for line in lines:
                if line["kind"] == "left_out":
                    table.left_out.append({"bot": bot, **line})
                elif line["kind"] == "cell":
                    table.cells.append({"bot": bot, **_with_storage(line, home, platform)})
                    if not quiet:
                        _meanwhile.print(_progress(table), soft_wrap=True)


def load(
    script: Annotated[
        Path | None, typer.Argument(help="What each caller does; without one, the first that comes with the bot.")
    ] = None,
    callers: Annotated[int, typer.Option(min=1, help="How many call.")] = 100,
    arrivals: Annotated[Arrivals, typer.Option(help="How they come.")] = "poisson",
    over: Annotated[float, typer.Option("--for", min=1, help="Within how many seconds they come.")] = 60.0,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same arrivals.")] = None,
    bot: Annotated[str | None, typer.Option(help="Address of a bot that runs; without one, start the stack.")] = None,
    platform: Annotated[Name, typer.Option(help="What calls the bot: the wire of which platform.")] = "skype",
    remote: Annotated[bool, typer.Option("--remote", help="Ring a bot that is not on this machine.")] = False,
    html: Annotated[Path, typer.Option(help="Where the report goes.")] = HOME / "load.html",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    bot_module: Annotated[str, typer.Option(help="The bot, as module:name.", envvar="DIALTONE_BOT")] = DEFAULT_BOT,
) -> None:
    """Let a crowd of callers ring a bot in real time, and report. Exit 1: a call did not end as its script expects."""
    rung = bot_at(_APP_DIR, bot, bot_module)
    script = scripts_for(rung, [script] if script else None, option="SCRIPT", platform=platform)[0]
    can_be_written(html)
    logs = own_logs("load")
    options = [str(script.resolve()), "--callers", str(callers), "--arrivals", arrivals, "--over", str(over)]
    options += ["--remote"] if remote else []
    options += ["--seed", str(seed)] if seed is not None else []
    if bot is not None:
        refuse_running(platform)
        result = _crowd(["load", *options, "--bot", bot], logs, as_json)
    else:
        _meanwhile.print("Starting functions, with storage in memory ...")
        with Stack(
            _APP_DIR,
            bot=bot_module,
            host="devhost",
            platform=arrange(platform),
            simulator=False,
            usual_ports=False,
            logs=logs,
            memory=True,
        ) as stack:
            before = cpu_seconds(stack.functions.process_id)
            arguments = ["load", *options, "--bot", stack.calls_url, *stack.platform.options]
            result = _crowd(arguments, logs, as_json)
            after = cpu_seconds(stack.functions.process_id)
            stack.check()
        if before is not None and after is not None:
            result["bot_cpu_s"] = round(after - before, 3)
    html.write_text(page(result), encoding="utf-8")
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for name, text in figures(result):
            _out.print(f"{name:<32}{printable(text)}", soft_wrap=True)
        for reason, count in result["reasons"].items():
            _out.print(printable(f"{count:,}: {reason}"), soft_wrap=True)
        _out.print(f"Report: {html}", soft_wrap=True)
        failed = result["calls"] - result["ok"]
        of = f"{result['calls']:,} calls"
        _out.print(
            f"FAIL: {failed:,} of {of} did not end as expected" if failed else f"PASS: all {of} ended as expected"
        )
    raise typer.Exit(0 if result["ok"] == result["calls"] else 1)


def _crowd(arguments: Sequence[str], logs: Path, quiet: bool) -> dict[str, Any]:
    """Run the simulator's crowd and show how it stands: its result."""
    shown = Live(console=_meanwhile, auto_refresh=False) if not quiet and _meanwhile.is_terminal else None
    result: dict[str, Any] = {}
    with shown or nullcontext(), closing(simulate(arguments, app_dir=_APP_DIR, logs=logs)) as lines:
        for line in lines:
            if line["kind"] == "load":
                result = dict(line)
            elif shown is not None:
                shown.update(_standing(line), refresh=True)
    return result


def _standing(line: Event) -> RichTable:
    table = RichTable("time", "on the line", "over", "not as expected", "callbacks", "reply p95")
    failed = line["over"] - line["ok"]
    reply = "-" if line["reply_ms_p95"] is None else f"{line['reply_ms_p95']:.1f} ms"
    table.add_row(
        f"{line['at_s']:.0f} s",
        *(f"{each:,}" for each in (line["on_the_line"], line["over"], failed, line["callbacks"])),
        reply,
    )
    return table


def cpu_seconds(process: int) -> float | None:
    """Processor time that a process has had, where the system tells it (Linux)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _with_storage(line: Event, home: Household, platform: Name) -> dict[str, Any]:
    """A cell of the storm, with what is wrong in storage: a turn or a recording that is missing or was made twice."""
    cell = dict(line)
    if not cell["ok"]:
        return cell
    kept = _read(home.stack.connection, journal_id(platform, cell))
    twice = len(kept.recordings) != len({each.operation_id for each in kept.recordings})
    reasons = kept.faults(()) + (["a recording was stored twice"] if twice else [])
    return {**cell, "ok": not reasons, "reasons": reasons}


def _read(connection: str, call_id: str) -> stored.Stored:
    """What is stored of a call. One answer that does not come is no reason to give up a storm of hours."""
    for _ in range(_READS - 1):
        with suppress(StorageUnavailable):
            return stored.read(connection, call_id)
    return stored.read(connection, call_id)


def _progress(table: Table) -> str:
    cell = table.cells[-1]
    where = "calm" if cell["fault"] is None else f"{cell['fault']}@{cell['request']}"
    return printable(f"{cell['bot']}: {cell['script']}: {where}: {'ok' if cell['ok'] else 'FAIL'}")


def _keep(table: Table, folder: Path) -> dict[int, Path]:
    """Write the smallest scripts into a folder; the number of a cell among the failed, and where its script is."""
    kept: dict[int, Path] = {}
    for number, cell in enumerate(table.failed):
        if cell["smallest"]:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{number + 1}-{cell['fault'].replace('=', '-')}-at-{cell['request']}.yaml"
            path.write_text(cell["smallest"], encoding="utf-8")
            kept[number] = path
    return kept


def _show(table: Table, kept: dict[int, Path], platform: Name) -> None:
    for bot in table.bots:
        one = table.of(bot)
        _out.print(printable(bot))
        for number, name in enumerate(one.scripts, 1):
            _out.print(printable(f"  {number}  {name}"), soft_wrap=True)
        # Names are too long for columns.
        shown = RichTable("fault at each gap", *map(str, range(1, len(one.scripts) + 1)))
        for row in one.rows():
            shown.add_row(*map(printable, row))
        _out.print(shown)
    for each in table.left_out:
        told = f"{each['bot']}: {each['script']} is left out: it is for {', '.join(each['platforms'])}"
        _out.print(printable(told), soft_wrap=True)
    for number, cell in enumerate(table.failed):
        where = "calm" if cell["fault"] is None else f"{cell['fault']} at request {cell['request']}"
        _out.print(printable(f"{cell['bot']}: {cell['script']}, {where}: {'; '.join(cell['reasons'])}"), soft_wrap=True)
        if number in kept:
            _out.print(f"  again: {_again(cell, kept[number], platform)}", soft_wrap=True)
    total = len(table.cells)
    said = f"FAIL: {len(table.failed)} of {total} calls" if table.failed else f"PASS: all {total} calls"
    _out.print(f"{said} stood the storm (seed {table.seed})" if not table.failed else f"{said} (seed {table.seed})")


def _again(cell: Mapping[str, Any], script: Path, platform: Name) -> str:
    """The command that makes the call of a cell again."""
    bot = "" if cell["bot"] == DEFAULT_BOT else f" --bot-module {cell['bot']}"
    on = "" if platform == "skype" else f" --platform {platform}"
    return f"dialtone call {script}{bot}{on} --seed {cell['seed']}"
