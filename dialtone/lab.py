"""A bot on this machine to experiment on: its stack, with a house for the faults; and what came of many calls."""

import asyncio
import ssl
import time
import urllib.request
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from dialtone.certified import certify
from dialtone.house import Gate, House
from dialtone.platforms import Name, arrange
from dialtone.ringing import Event
from dialtone.stack import Stack
from dialtone.storage import open_storage

SWEEPER: Final = "sweep"
"""The function that ends calls whose callback does not come."""
SWEEP_AFTER_S: Final = 0.5
"""After how long a call without a callback is lost: no longer than a storm can wait."""
SWEPT_WITHIN_S: Final = 10.0
SWEPT_LOOK_S: Final = 0.05
CALM: Final = "(calm)"
SHOWN: Final = 10
"""How many calls that failed are told one by one."""


@dataclass(frozen=True)
class Household:
    """A stack whose host can be killed, whose storage can be taken away, and that verifies the platform's tokens.

    `options` are the arguments by which `python -m simulator` knows its platform, its house, its tokens and
    its certificate.
    """

    stack: Stack
    options: Sequence[str]


@contextmanager
def household(app_dir: Path, *, bot: str, logs: Path, platform: Name = "skype") -> Iterator[Household]:
    """Start the stack of a bot for a platform, on free ports, over TLS, with storage in memory, and a house for it.

    The functions are hosted by devhost, which can be killed and started within a second.
    """
    gates: list[Gate] = []
    # Whatever is private to this run goes with it.
    with TemporaryDirectory() as folder, ExitStack() as exits:
        certified = certify(Path(folder))
        arranged = arrange(platform, private=Path(folder))

        def through(addresses: Sequence[str]) -> Sequence[str]:
            gates.append(exits.enter_context(Gate(addresses)))
            return gates[-1].addresses

        stack = exits.enter_context(
            Stack(
                app_dir,
                bot=bot,
                host="devhost",
                platform=arranged,
                simulator=False,
                usual_ports=False,
                logs=logs,
                environment={"DIALTONE_SWEEP_AFTER": str(SWEEP_AFTER_S)},
                through=through,
                tls=(certified.certificate, certified.key),
                timers=False,
            )
        )

        def kill() -> None:
            stack.functions.kill()
            stack.functions.start()

        def sweep() -> None:
            time.sleep(SWEEP_AFTER_S)
            _start(stack, SWEEPER, certified.authority)
            asyncio.run(_until_swept(stack.connection))

        house = exits.enter_context(House(kill, lambda is_open: gates[-1].set(is_open=is_open), sweep))
        yield Household(stack, ["--house", house.url, *arranged.options, "--tls-ca", str(certified.authority)])


def _start(stack: Stack, function: str, authority: Path) -> None:
    """Start a function that has no HTTP trigger, as an operator would."""
    url = f"{stack.functions_url}/admin/functions/{function}"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, b"{}", headers, method="POST")  # noqa: S310  # this machine, and https
    handlers = (
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority)),
    )
    with urllib.request.build_opener(*handlers).open(request, timeout=SWEPT_WITHIN_S):
        pass


async def _until_swept(connection: str) -> None:
    """Wait until no call is open. One that stays open is the bot's fault, which the simulator will see."""
    storage = open_storage(connection)
    try:
        for _ in range(round(SWEPT_WITHIN_S / SWEPT_LOOK_S)):
            if not await storage.calls.open_calls(started_before=time.time(), limit=1):
                return
            await asyncio.sleep(SWEPT_LOOK_S)
    finally:
        await storage.close()


@dataclass
class Calls:
    """Many calls of one script: the line for all of them, and those that failed."""

    summary: Event = field(default_factory=dict)
    failed: list[Event] = field(default_factory=list)

    def take(self, lines: Iterable[Event]) -> Generator[Event, None, None]:
        """Note the lines of the simulator, and yield those of single calls as they come."""
        for line in lines:
            if line["kind"] == "calls":
                self.summary = line
                continue
            if not line["ok"]:
                self.failed.append(line)
            yield line

    @property
    def ok(self) -> bool:
        """Whether every call was as its script expects."""
        return bool(self.summary) and not self.failed

    def document(self) -> dict[str, Any]:
        """It for machines, as JSON takes it."""
        return {"ok": self.ok, "summary": dict(self.summary), "failed": [dict(line) for line in self.failed]}

    def lines(self, again: str) -> list[str]:
        """It for people; `again` is the command that makes one of the calls again, `{seed}` its seed."""
        told = []
        for line in self.failed[:SHOWN]:
            told += [f"call {line['number']} (seed {line['seed']}): {'; '.join(line['reasons'])}"]
            told += [f"  again: {again.format(seed=line['seed'])}"]
        if len(self.failed) > SHOWN:
            told.append(f"... and {len(self.failed) - SHOWN} more")
        if not self.summary:
            return [*told, "FAIL: the simulator did not finish"]
        of = self.summary
        told.append(
            f"{of['calls']:,} calls in {of['took_s']:.1f} s: {of['calls_per_s']:,.0f} a second, {of['requests']:,} "
            f"requests, replies in {of['reply_ms_p50']} ms (p50), {of['reply_ms_p95']} (p95), {of['reply_ms_p99']} "
            f"(p99); seeds from {of['seed']}"
        )
        told.append(
            f"PASS: all {of['calls']:,} calls ended as their script expects"
            if self.ok
            else f"FAIL: {len(self.failed):,} of {of['calls']:,} calls did not end as their script expects"
        )
        return told


@dataclass
class Table:
    """A storm's cells: of each bot scripts by faults, each cell with how many gaps were stood; and the scripts that are
    for other platforms.
    """

    cells: list[Mapping[str, Any]] = field(default_factory=list)
    seed: int = 0
    left_out: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def bots(self) -> list[str]:
        """The bots, in their order."""
        return list(dict.fromkeys(cell["bot"] for cell in self.cells))

    def of(self, bot: str) -> "Table":
        """The cells of one bot."""
        return Table([cell for cell in self.cells if cell["bot"] == bot], self.seed)

    @property
    def failed(self) -> list[Mapping[str, Any]]:
        """The cells that went wrong."""
        return [cell for cell in self.cells if not cell["ok"]]

    @property
    def scripts(self) -> list[str]:
        """The names of the scripts, in their order."""
        return list(dict.fromkeys(cell["script"] for cell in self.cells))

    def rows(self) -> list[list[str]]:
        """A row for each fault: its name, and for each script `ok N`, or `FAIL at` the gaps where it failed."""
        faults = dict.fromkeys(cell["fault"] or CALM for cell in self.cells)
        return [[fault, *(self._told(script, fault) for script in self.scripts)] for fault in faults]

    def _told(self, script: str, fault: str) -> str:
        cells = [each for each in self.cells if each["script"] == script and (each["fault"] or CALM) == fault]
        if not cells:
            return "-"
        bad = [str(each["request"]) for each in cells if not each["ok"]]
        if not bad:
            return "ok" if fault == CALM else f"ok {len(cells)}"
        return "FAIL" if fault == CALM else f"FAIL at {', '.join(bad)} of {len(cells)}"
