"""Everything that a bot needs on this machine, started as programs: storage, functions, media worker, simulator.

| program | what it is | usual port |
|---|---|---|
| storage | Azurite: `AZURITE_BIN`, or what `npm ci` installed | 10000 blobs, 10001 queues, 10002 tables |
| functions | `func start` where Azure Functions Core Tools is on the PATH, else `python -m devhost` | 7071 |
| worker | `python -m media_worker` | 8080 |
| simulator | `python -m simulator serve` | 7080 |

1. Each listens on 127.0.0.1 only; where its usual port is taken, on a free one.
2. Each run has keys of its own. A program that is killed and started again keeps its port and its keys.
3. Whatever happens, `stop` leaves no program behind.
4. `stack.json` holds the connection string: only its owner may read it, and it goes when the stack does.
"""

import base64
import contextlib
import os
import re
import secrets
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from dialtone.errors import ConfigurationError
from dialtone.platforms import Arranged
from dialtone.program import Program, Ready, free_port, is_free, undisturbed

DEFAULT_BOT = "bots.reception:bot"
HOME = Path(".dialtone")
"""The folder, in the application's own, of logs, local storage and `stack.json`."""

Host = Literal["auto", "func", "devhost"]
"""What runs the functions; `auto` takes Core Tools where it is installed."""

# Azurite's documented account, the same on every machine in the world: it is no secret.
# https://learn.microsoft.com/azure/storage/common/storage-use-azurite
_ACCOUNT = "devstoreaccount1"
_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Stack:
    """The local stack of the application in `app_dir` (where `function_app.py` is); a context manager.

    bot: module and name of the bot, as in DIALTONE_BOT.
    host: what runs the functions.
    simulator: whether the simulator's server is started too; a scripted call does not need it.
    keep: whether storage is on disk and outlives the stack, rather than in memory.
    usual_ports: whether the usual ports are tried first; with False all ports are free ones.
    logs: folder of the logs, which is this stack's alone; by default `.dialtone/logs`.
    tls: files in PEM, the certificate and the key with which the functions are served over https; only by devhost.
    memory: whether the functions keep everything in their own memory, so that no storage is started; fast, and gone
        with them. Not for Core Tools, whose timers want a storage account.
    timers: whether the functions' timers fire by themselves; only devhost can do without.
    environment: what the functions get besides this process's environment and the stack's own settings.
    platform: what calls the bot; the functions' settings for it, where they take its calls, and whether the simulator's
        server is it.
    through: given the addresses of the storage, those by which the functions reach it; by default the same.

    After `start`, `functions`, `worker`, `storage` and `simulator` are programs, those that were started, and the
    addresses below are set.
    """

    functions_url: str
    calls_url: str
    """Where the platform posts a new call."""
    worker_url: str
    simulator_url: str
    storage_urls: Sequence[str]
    """Those of blobs, queues and tables."""
    connection: str
    """The connection string of the storage."""
    functions: Program
    worker: Program
    storage: Program
    simulator: Program

    def __init__(
        self,
        app_dir: Path,
        *,
        bot: str = DEFAULT_BOT,
        host: Host = "auto",
        platform: Arranged = Arranged(),  # noqa: B008 - it cannot be changed
        simulator: bool = True,
        keep: bool = False,
        usual_ports: bool = True,
        logs: Path | None = None,
        environment: Mapping[str, str] | None = None,
        through: Callable[[Sequence[str]], Sequence[str]] | None = None,
        memory: bool = False,
        tls: tuple[Path, Path] | None = None,
        timers: bool = True,
    ) -> None:
        self.app_dir = app_dir.resolve()
        self.home = self.app_dir / HOME
        self.logs = logs or self.home / "logs"
        self.bot = bot
        self.host = host
        self.platform = platform
        self.keep = keep
        self._with_simulator = simulator
        self._usual_ports = usual_ports
        self._added = {**platform.settings, **(environment or {})}
        self._through = through
        self._memory = memory
        self._tls = tls
        self._timers = timers
        self._ticket_key = _key()
        self._signal_key = _key()
        self._appstate_key = _key()
        self._programs: list[Program] = []

    def start(self) -> None:
        """Start all programs and return when all are ready.

        Raises ConfigurationError if something is not installed, DependencyError if a program does not become ready;
        nothing runs then.
        """
        if not (self.app_dir / "function_app.py").is_file():
            raise ConfigurationError(
                f"there is no function_app.py in {self.app_dir}",
                field="function_app.py",
                fix="run this in the folder of your bot's application",
            )
        self.home.mkdir(mode=0o700, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        port = self._port(7071) or free_port()
        self.functions_url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        self.calls_url = self.functions_url + self.platform.path
        if not self._memory:
            self.storage = self._add("storage", self._storage_command(), ready=_azurite_ready)
        if self._with_simulator:
            serve = [sys.executable, "-m", "simulator", "serve", "--bot", self.calls_url, *self.platform.options]
            self.simulator = self._add("simulator", [*serve, "--port", str(self._port(7080))], ready=_says_ready)
        self.storage_urls = () if self._memory else self.storage.wait_ready()
        self.connection = "memory" if self._memory else _connection(self.storage_urls)
        worker_port = self._port(8080) or free_port()
        self.worker_url = f"http://127.0.0.1:{worker_port}"
        self.worker = self._worker(worker_port)
        self.functions = self._functions(port)
        self.functions.wait_ready()
        self.worker.wait_ready()
        if self._with_simulator:
            (self.simulator_url,) = self.simulator.wait_ready()

    def stop(self) -> None:
        """Stop all programs, the last started first. Does nothing when nothing runs."""
        with undisturbed(), contextlib.ExitStack() as stops:
            for program in self._programs:
                stops.callback(program.stop)
        self._programs.clear()

    def check(self) -> None:
        """Raise DependencyError if a program has died."""
        for program in self._programs:
            if not program.running:
                raise program.failure(f"{program.name} {program.ending}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _worker(self, port: int) -> Program:
        command = [sys.executable, "-m", "media_worker", "--port", str(port), "--grace", "2"]
        settings = {
            "DIALTONE_BOT": self.bot,
            "DIALTONE_PUBLIC_URL": self.functions_url,
            "DIALTONE_SIGNAL_KEY": self._signal_key,
            "DIALTONE_TICKET_KEY": self._ticket_key,
            "DIALTONE_STORAGE": self.connection,
        }
        return self._add("worker", command, ready=_says_ready, environment=settings)

    def _functions(self, port: int) -> Program:
        connection = _connection(self._through(self.storage_urls)) if self._through else self.connection
        settings = {
            "DIALTONE_BOT": self.bot,
            "DIALTONE_PUBLIC_URL": self.functions_url,
            "DIALTONE_AUTH": "loopback",
            "DIALTONE_MEDIA_URL": self.worker_url,
            "DIALTONE_APPSTATE_KEY": self._appstate_key,
            "DIALTONE_SIGNAL_KEY": self._signal_key,
            "DIALTONE_TICKET_KEY": self._ticket_key,
            "DIALTONE_STORAGE": connection,
            **({} if self._memory else {"AzureWebJobsStorage": connection}),
            "FUNCTIONS_WORKER_RUNTIME": "python",
            **self._added,
        }
        func = shutil.which("func") if self.host != "devhost" else None
        if self.host == "func" and func is None:
            raise ConfigurationError(
                "func is not on the PATH", field="func", fix="install Azure Functions Core Tools, or use --host devhost"
            )
        if func is None:
            command = [sys.executable, "-m", "devhost", "--app-dir", ".", "--port", str(port)]
            if not self._timers:
                command.append("--no-timers")
            if self._tls is not None:
                certificate, key = self._tls
                command += ["--tls-cert", str(certificate.resolve()), "--tls-key", str(key.resolve())]
            return self._add("functions", command, ready=_says_ready, environment=settings, stop_within=12.0)
        # Core Tools runs the first Python on the PATH: it has to be this one, which has the packages.
        settings["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        health = f"{self.functions_url}/api/health"
        return self._add(
            "functions",
            [func, "start", "--port", str(port)],
            ready=lambda _: [self.functions_url] if _answers(health) else None,
            environment=settings,
            ready_within=120.0,
            stop_within=12.0,
        )

    def _storage_command(self) -> list[str]:
        azurite = os.environ.get("AZURITE_BIN") or str(self.app_dir / "node_modules" / ".bin" / "azurite")
        if not Path(azurite).is_file():
            raise ConfigurationError(
                f"the storage emulator Azurite is not at {azurite}",
                field="AZURITE_BIN",
                fix="install it with `npm ci`, or set AZURITE_BIN to its program",
            )
        # Without --skipApiVersionCheck Azurite refuses every client library that is newer than itself.
        command = [azurite, "--skipApiVersionCheck", "--disableTelemetry"]
        if self.keep:
            command += ["--location", str(self.home / "storage")]
        else:
            command += ["--inMemoryPersistence"]
        for service, usual in (("blob", 10000), ("queue", 10001), ("table", 10002)):
            command += [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(self._port(usual))]
        return command

    def _add(
        self,
        name: str,
        command: Sequence[str],
        *,
        ready: Ready,
        environment: Mapping[str, str] | None = None,
        ready_within: float = 60.0,
        stop_within: float = 5.0,
    ) -> Program:
        log = self.logs / f"{name}.log"
        program = Program(
            name,
            command,
            directory=self.app_dir,
            log=log,
            environment=environment,
            ready=ready,
            ready_within=ready_within,
            stop_within=stop_within,
        )
        self._programs.append(program)
        program.launch()
        return program

    def _port(self, usual: int) -> int:
        """`usual` where it can be had, else 0: any free one."""
        return usual if self._usual_ports and is_free(usual) else 0


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _says_ready(output: str) -> Sequence[str] | None:
    found = re.search(r"^\w+: ready (https?://\S+)", output, re.MULTILINE)
    return found.groups() if found else None


def _azurite_ready(output: str) -> Sequence[str] | None:
    """The addresses of blobs, queues and tables."""
    found = dict(re.findall(r"Azurite (Blob|Queue|Table) service is successfully listening at (http://\S+)", output))
    return [found["Blob"], found["Queue"], found["Table"]] if len(found) == 3 else None


def _connection(addresses: Sequence[str]) -> str:
    blobs, queues, tables = (f"{address}/{_ACCOUNT}" for address in addresses)
    return (
        f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_ACCOUNT_KEY};"
        f"BlobEndpoint={blobs};QueueEndpoint={queues};TableEndpoint={tables};"
    )


def _answers(url: str) -> bool:
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with without_proxy.open(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False
