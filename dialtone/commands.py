"""The verbs of the `dialtone` command.

What a verb reports goes to standard output, what it is doing meanwhile to standard error. Colour is for terminals
only, and not where NO_COLOR is set.
"""

import asyncio
import json
import os
import shutil
import sys
import time as clock
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from dialtone import (
    __version__,
    call_report,
    costs,
    doctor,
    lab_commands,
    prompt_commands,
    recording_commands,
    running,
)
from dialtone.canary import place_canary
from dialtone.errors import ConfigurationError
from dialtone.exploring import explore_bot
from dialtone.gate import CHANNELS
from dialtone.lab import household
from dialtone.platforms import Name, arrange, refuse_running
from dialtone.program import Interrupted
from dialtone.report_page import can_be_written
from dialtone.ringing import Event, Result, Time, call_id_of, judge, ring, ring_through
from dialtone.run_logs import own_logs
from dialtone.scripts import scripts_for, scripts_of
from dialtone.stack import DEFAULT_BOT, HOME, Host, Stack
from dialtone.storage import Storage, open_storage
from dialtone.stored import read
from dialtone.timeline import ledger_of, lines, words
from dialtone.transcript import report, show

app = typer.Typer(
    name="dialtone",
    help="A calling bot on your own machine: ring it, run it, change its prompts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(name="explore")(explore_bot)
app.command(name="canary")(place_canary)
app.command()(lab_commands.storm)
app.command()(lab_commands.load)

_APP_DIR = Path()
_LOGS = HOME / "logs"
_out = Console(highlight=False, markup=False)
_meanwhile = Console(highlight=False, markup=False, stderr=True, style="dim")

BotModule = Annotated[str, typer.Option(help="The bot, as module:name.", envvar="DIALTONE_BOT")]
HostChoice = Annotated[
    Host, typer.Option(help="What runs the functions: auto takes Core Tools if installed.", envvar="DIALTONE_HOST")
]
PlatformChoice = Annotated[Name, typer.Option(help="What calls the bot: the wire of which platform.")]


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"dialtone {__version__}")
        raise typer.Exit


@app.callback()
def _dialtone(
    version: Annotated[
        bool, typer.Option("--version", help="Say the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def call(
    script: Annotated[
        Path | None, typer.Argument(help="What the caller does; without one, the first that comes with the bot.")
    ] = None,
    bot: Annotated[str | None, typer.Option(help="Address of a bot that runs; without one, start the stack.")] = None,
    time: Annotated[Time, typer.Option(help="virtual: as fast as it goes.")] = "virtual",
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same call.")] = None,
    times: Annotated[int | None, typer.Option(min=1, help="Call so often, each time with the next seed.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="With --times: how many calls at once.")] = 8,
    fault: Annotated[
        list[str] | None, typer.Option(help="What goes wrong, as NAME=VALUE@REQUEST; may be given again.")
    ] = None,
    jwt: Annotated[str | None, typer.Option(help="Send tokens for this app id; say where their keys are.")] = None,
    issuer_port: Annotated[int, typer.Option(help="With --jwt: where the keys are served.")] = 0,
    tls_ca: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Authorities to trust besides the public ones."),
    ] = None,
    client_cert: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The platform's client certificate, in PEM.")
    ] = None,
    client_key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Its key, in PEM, where it is in another file.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the call as an HTML page there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    bot_module: BotModule = DEFAULT_BOT,
    platform: PlatformChoice = "skype",
    host: HostChoice = "auto",
) -> None:
    """Place one scripted call, show it, and say what was stored. Exit 1: it did not end as its script expects."""
    rung = running.bot_at(_APP_DIR, bot, bot_module)
    script = scripts_for(rung, [script] if script else None, option="SCRIPT", platform=platform)[0]
    if html is not None and times is not None:
        raise ConfigurationError(
            "a page shows one call", field="--html", fix="leave out --times; make the call again by its --seed"
        )
    if client_key is not None and client_cert is None:
        raise ConfigurationError("a key is no certificate", field="--client-key", fix="name its --client-cert too")
    if html is not None:
        can_be_written(html)
    files = {"--tls-ca": tls_ca, "--client-cert": client_cert, "--client-key": client_key}
    options = [part for each in fault or [] for part in ("--fault", each)]
    options += [part for name, file in files.items() if file for part in (name, str(file.resolve()))]
    options += ["--jwt", jwt, "--issuer-port", str(issuer_port)] if jwt is not None else []
    options += ["--times", str(times), "--jobs", str(jobs)] if times is not None else []
    told = [f"--bot {bot}"] if bot is not None else [f"--bot-module {rung}"] if rung != DEFAULT_BOT else []
    told += [f"--platform {platform}"] if platform != "skype" else []
    again = " ".join(["dialtone call", str(script), *told]) if times is not None else ""
    calling = _Calling(script, platform, time, seed, options, again, html, as_json)
    if bot is not None:
        ok = calling.of_running(bot)
    elif fault or "faults:" in script.read_text(encoding="utf-8", errors="replace"):
        ok = calling.with_faults(bot_module)
    else:
        ok = calling.of_own(bot_module, host)
    raise typer.Exit(0 if ok else 1)


@dataclass(frozen=True)
class _Calling:
    """A call of a script, or many of them, and how they are shown; each method says whether all was as expected.

    `options` are more arguments of the simulator; `again` is the command that makes one of many calls again, empty for
    one call.
    """

    script: Path
    platform: Name
    time: Time
    seed: int | None
    options: Sequence[str]
    again: str
    html: Path | None
    as_json: bool

    def of_running(self, bot: str) -> bool:
        """Call the bot at an address, of the stack that runs here or of somebody else."""
        found = running.find(_APP_DIR)
        if found is None or found.calls != bot or found.platform == "skype":
            refuse_running(self.platform)
            return self._place(bot, _storage_of(bot), own_logs("call"))
        if self.options:
            raise ConfigurationError(
                f"a bot on {found.platform} that runs is called by the simulator that runs beside it",
                field=self.options[0],
                fix=f"leave out {bot}: dialtone call --platform {found.platform} starts one of its own",
            )
        events = ring_through(found.simulator, self.script, time=self.time, seed=self.seed)
        return replace(self, platform=found.platform)._shown(events, found.storage)

    def with_faults(self, bot: str) -> bool:
        """Call a bot of the application, in a house where a fault can do its harm."""
        _meanwhile.print("Starting storage, functions and media worker ...")
        with household(_APP_DIR, bot=bot, logs=own_logs("call"), platform=self.platform) as home:
            ok = self._place(home.stack.calls_url, home.stack.connection, home.stack.logs, home.options)
            home.stack.check()
        return ok

    def of_own(self, bot: str, host: Host) -> bool:
        """Call a bot of the application, in a stack of its own."""
        _meanwhile.print("Starting storage, functions and media worker ...")
        # Many calls are about the bot: in the emulator of the storage they would take three times as long.
        memory = bool(self.again) and host != "func"
        # Free ports: two that start at once would find the same usual ones free.
        with Stack(
            _APP_DIR,
            bot=bot,
            host="devhost" if memory else host,
            platform=arrange(self.platform),
            simulator=False,
            usual_ports=False,
            logs=own_logs("call"),
            memory=memory,
        ) as stack:
            ok = self._place(stack.calls_url, stack.connection, stack.logs, stack.platform.options)
            stack.check()
        return ok

    def _place(self, url: str, storage: str | None, logs: Path, more: Sequence[str] = ()) -> bool:
        given = [*self.options, *more]
        if self.again:
            return lab_commands.call_many(
                url,
                self.script,
                self.again,
                time=self.time,
                seed=self.seed,
                logs=logs,
                options=given,
                as_json=self.as_json,
            )
        events = ring(url, self.script, time=self.time, seed=self.seed, app_dir=_APP_DIR, logs=logs, options=given)
        return self._shown(events, storage)

    def _shown(self, events: Generator[Event, None, None], storage: str | None) -> bool:
        result = _follow(events, storage, self.platform, quiet=self.as_json)
        if self.html is not None:
            self.html.write_text(call_report.page(result.ledger), encoding="utf-8")
        if self.as_json:
            print(json.dumps(result.document(), ensure_ascii=False))
        else:
            report(_out, result)
        return result.ok


@app.command()
def run(
    bot_module: BotModule = DEFAULT_BOT,
    demo: Annotated[bool, typer.Option(help="Place one call first, where a script comes with the bot.")] = True,
    platform: PlatformChoice = "skype",
    host: HostChoice = "auto",
) -> None:
    """Start storage, functions, media worker and simulator, and keep them up until Ctrl-C."""
    running.refuse_second(_APP_DIR)
    _meanwhile.print("Starting storage, functions, media worker and simulator ...")
    try:
        arranged = arrange(platform)
        with (
            Stack(_APP_DIR, bot=bot_module, host=host, platform=arranged, keep=True) as stack,
            running.published(stack),
        ):
            if demo and (scripts := scripts_of(bot_module, platform)):
                events = ring_through(stack.simulator_url, scripts[0], time="real", seed=None)
                report(_out, _follow(events, stack.connection, platform))
            _out.print(_addresses(stack), soft_wrap=True)
            while True:
                stack.check()
                clock.sleep(0.5)
    except Interrupted:
        _meanwhile.print("Stopped.")


@app.command()
def timeline(
    call_id: Annotated[str, typer.Argument(help="The call, as in its log lines.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON Lines and nothing else.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write it as an HTML page there.")] = None,
) -> None:
    """Show what happened in a call, from the bot's own journal; DIALTONE_STORAGE says where that is."""
    if html is not None:
        can_be_written(html)

    async def show_it(storage: Storage) -> None:
        events = await ledger_of(storage, call_id)
        if html is not None:
            html.write_text(call_report.page(events, words), encoding="utf-8")
        if as_json:
            for event in events:
                print(json.dumps(event, ensure_ascii=False))
            return
        for line in lines(events):
            _out.print(line, soft_wrap=True)

    _with_storage(show_it)


@app.command()
def cost(
    calls_per_day: Annotated[float, typer.Option(help="Calls a day.")],
    minutes: Annotated[float, typer.Option(help="Length of a call.")],
    turns: Annotated[float, typer.Option(help="Callbacks of a call.")] = 6,
    recording: Annotated[bool, typer.Option("--recording", help="Calls are recorded as a whole.")] = False,
    media_share: Annotated[float, typer.Option(help="Share of calls with a media stream, 0 to 1.")] = 0,
    busy_hours: Annotated[float, typer.Option(help="Hours of a day that calls come in.")] = 10,
    prices: Annotated[Path | None, typer.Option(help="Your copy of dialtone/prices.json.")] = None,
) -> None:
    """Estimate what calls cost in Azure in a month, and what that depends on."""
    load = costs.Load(calls_per_day, minutes, turns, recording, media_share, busy_hours)
    print(costs.report(load, costs.Prices.read(prices)), end="")


@app.command(name="doctor")
def examine(
    target: Annotated[
        str | None, typer.Option(help="Address of the functions; without one, as the settings say.")
    ] = None,
    worker: Annotated[
        str | None, typer.Option(help="Address of the media worker.", envvar="DIALTONE_MEDIA_URL")
    ] = None,
    events: Annotated[str, typer.Option(help="Address that takes Event Grid's events, with its key.")] = "",
    settings: Annotated[Path | None, typer.Option(help="What az functionapp config appsettings list wrote.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Look for what keeps the bot from taking calls. Exit 1: something is wrong."""
    values = doctor.read_settings(_APP_DIR, settings, os.environ)
    stack = running.find(_APP_DIR)
    # The stack has settings of its own, which nobody else knows.
    findings = list(doctor.within(_APP_DIR, values)) if "DIALTONE_BOT" in values or not stack else []
    target = target or (stack.functions if stack else values.get("DIALTONE_PUBLIC_URL", ""))
    if target:
        worker = worker or (stack.worker if stack and target == stack.functions else "")
        findings += doctor.outside(target.rstrip("/"), worker, events, values)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            _out.print(str(finding), soft_wrap=True)
    raise typer.Exit(int(any(finding.wrong for finding in findings)))


def _follow(
    events: Generator[Event, None, None], storage: str | None, platform: Name, *, quiet: bool = False
) -> Result:
    """Print the events of a call as they come, unless `quiet`, and judge it by what `storage` has of it."""
    ledger: list[Event] = []
    with closing(events):
        for event in events:
            ledger.append(event)
            if not quiet:
                show(_out, event)
    return judge(ledger, read(storage, call_id_of(ledger, platform)) if storage else None)


def _storage_of(bot: str) -> str | None:
    """The storage of a bot that somebody else started, where it can be known."""
    found = running.find(_APP_DIR)
    return found.storage if found and found.calls == bot else os.environ.get("DIALTONE_STORAGE")


def _with_storage(work: Callable[[Storage], Coroutine[Any, Any, None]]) -> None:
    connection = os.environ.get("DIALTONE_STORAGE")
    if not connection and (found := running.find(_APP_DIR)):
        connection = found.storage
    if not connection or connection == "memory":
        raise ConfigurationError(
            "there is no storage to work on",
            field="DIALTONE_STORAGE",
            fix="start the stack with `dialtone run`, or set DIALTONE_STORAGE to a connection string",
        )

    async def main() -> None:
        storage = open_storage(connection, prompt_channels=_prompt_channels())
        try:
            await work(storage)
        finally:
            await storage.close()

    asyncio.run(main())


def _prompt_channels() -> tuple[str, ...]:
    named = os.environ.get("DIALTONE_PROMPT_CHANNELS", "").split(",")
    return tuple(each.strip() for each in named if each.strip() in CHANNELS) or tuple(CHANNELS)


app.add_typer(prompt_commands.commands(_with_storage), name="prompts")


def _addresses(stack: Stack) -> str:
    me = "dialtone" if shutil.which("dialtone") else os.path.relpath(sys.argv[0])
    script = "" if scripts_of(stack.bot, stack.platform.name) else " YOUR-SCRIPT.yaml"
    prompt = "welcome" if stack.bot == DEFAULT_BOT else "NAME-OF-A-PROMPT"
    blobs, queues, tables = stack.storage_urls
    return f"""
The stack is up; Ctrl-C stops it.

  phone      {stack.simulator_url}/phone/   open it in a browser and call the bot
  functions  {stack.functions_url}   calls: POST {stack.calls_url}
  worker     {stack.worker_url}
  simulator  {stack.simulator_url}
  storage    {blobs}   blobs
             {queues}   queues
             {tables}   tables
             kept in {HOME / "storage"}
  logs       {_LOGS}/

Another call:     {me} call --bot {stack.calls_url}{script}
Change a prompt:  echo "Welcome to Contoso. Good morning." > {prompt}.txt && {me} prompts push {prompt}.txt
"""


app.add_typer(recording_commands.commands(_with_storage), name="recordings")
