"""``python -m devhost``: loads the app, checks it, prints its functions and serves it until SIGINT or SIGTERM.

The last line on stdout at the start is ``devhost: ready http://HOST:PORT (worker=NAME, python X.Y)``; logs go to
stderr. Exit status: 0 after a signal, 1 when the app or the settings cannot be run, 2 for a wrong command line.
"""

import argparse
import asyncio
import importlib.util
import ipaddress
import logging
import os
import secrets
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn

from .checks import check_functions
from .functions import Function, HostError, Worker
from .host import Host
from .routes import RouteTable
from .settings import load_local_settings, load_route_prefix
from .tls import HandshakeProtocol, Tls, vouch

# How long a stop waits for running requests, timers and threads; the Functions host drains within minutes, a
# developer's Ctrl-C must not.
GRACE_S = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = _parse(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(arguments))
    except HostError as error:
        print(f"devhost: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    app_dir = arguments.app_dir.resolve()
    if not (app_dir / "function_app.py").is_file():
        raise HostError(f"{app_dir} has no function_app.py: name the app's folder with --app-dir")
    if not (arguments.enable_auth or _is_loopback(arguments.host)):
        raise HostError(f"--host {arguments.host} lets other machines in: add --enable-auth")
    tls = _tls(arguments)  # paths are the caller's, before the folder changes
    os.chdir(app_dir)
    sys.path.insert(0, str(app_dir))
    load_local_settings(app_dir)
    prefix = load_route_prefix(app_dir)
    vouch(tls)
    worker = _make_worker(arguments.worker, app_dir)
    functions = sorted(await worker.index(), key=lambda function: function.name.upper())
    routes = check_functions(functions, prefix)
    with _listen(arguments.host, arguments.port) as listener:
        name = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
        address = f"{'https' if tls else 'http'}://{name}:{listener.getsockname()[1]}"
        _print_functions(functions, routes, address)
        key = None
        if arguments.enable_auth:
            key = os.environ.get("DEVHOST_KEY") or secrets.token_urlsafe(32)
            print(f"devhost: key {key}")
        ready = f"devhost: ready {address} (worker={worker.name}, python {sys.version_info[0]}.{sys.version_info[1]})"
        host = Host(worker, functions, routes, key)
        # uvicorn raises the signal again once it has stopped; a stop is this program's success.
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, lambda *_: None)
        await _Server(host, ready, tls, timers=not arguments.no_timers).serve([listener])


class _Server(uvicorn.Server):
    """uvicorn, which starts the timers when it listens, drains them when it stops, and then is sure to be gone."""

    def __init__(self, host: Host, ready: str, tls: Tls | None, timers: bool) -> None:
        config = uvicorn.Config(
            host,
            lifespan="off",
            proxy_headers=False,
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            **({} if tls is None else _uvicorn_tls(tls)),
        )
        try:
            config.load()
        except OSError as error:
            raise HostError(f"TLS cannot be set up: {error}; name PEM files that belong together") from error
        super().__init__(config)
        self._host, self._ready, self._timers = host, ready, timers

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._timers:
            self._host.start_timers()
        print(self._ready, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A sync function cannot be cancelled, and Python would wait for its thread for ever.
        watchdog = threading.Timer(GRACE_S + 1, os._exit, [1])
        watchdog.daemon = True
        watchdog.start()
        await asyncio.gather(super().shutdown(sockets), self._host.drain(GRACE_S))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("devhost", description="Runs a Python function app as func start does.")
    parser.add_argument("--app-dir", type=Path, default=Path(), help="folder of function_app.py (default: here)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--worker",
        choices=("auto", "registry", "runtime"),
        default="auto",
        help="runtime: Microsoft's azure-functions-runtime (Python 3.13); auto takes it when it is installed",
    )
    parser.add_argument("--enable-auth", action="store_true", help="want a key: the setting DEVHOST_KEY, or a new one")
    parser.add_argument(
        "--no-timers", action="store_true", help="fire no timers; POST /admin/functions/NAME still runs them"
    )
    parser.add_argument("--tls-cert", type=Path, help="serve https with this certificate and its chain, in PEM")
    parser.add_argument("--tls-key", type=Path, help="key of --tls-cert, in PEM")
    parser.add_argument(
        "--client-ca",
        type=Path,
        help="ask for client certificates of these authorities, in PEM; a function sees them in X-ARR-ClientCert",
    )
    arguments = parser.parse_args(argv)
    if (arguments.tls_cert is None) != (arguments.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    if arguments.client_ca is not None and arguments.tls_cert is None:
        parser.error("--client-ca needs --tls-cert and --tls-key")
    return arguments


def _tls(arguments: argparse.Namespace) -> Tls | None:
    if arguments.tls_cert is None:
        return None
    client_ca = arguments.client_ca
    return Tls(
        arguments.tls_cert.resolve(), arguments.tls_key.resolve(), None if client_ca is None else client_ca.resolve()
    )


def _uvicorn_tls(tls: Tls) -> dict[str, Any]:
    options: dict[str, Any] = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key, "http": HandshakeProtocol}
    if tls.client_ca is not None:
        options |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_OPTIONAL}
    return options


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


def _make_worker(choice: str, app_dir: Path) -> Worker:
    installed = importlib.util.find_spec("azure_functions_runtime") is not None
    if choice == "runtime" and not installed:
        raise HostError("--worker runtime needs azure-functions-runtime 1.3, which needs Python 3.13")
    if installed and choice != "registry":
        from .runtime_worker import RuntimeWorker

        return RuntimeWorker(str(app_dir))
    from .registry_worker import RegistryWorker

    return RegistryWorker()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
        # A reply's body is not to wait for the acknowledgement of its head; accepted connections inherit it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        raise HostError(f"cannot listen on {host}:{port}: {error}; choose another --port") from error


def _print_functions(functions: Sequence[Function], routes: RouteTable, address: str) -> None:
    templates = {route.function.name: route.template for route in routes.routes}
    print("\nFunctions:\n")
    for function in functions:
        if function.kind == "httpTrigger":
            methods = f"[{','.join(sorted(function.methods))}] " if function.methods else ""
            print(f"\t{function.name}: {methods}{address}/{templates[function.name]}")
        else:
            print(f"\t{function.name}: {function.kind}")
    print()


if __name__ == "__main__":
    sys.exit(main())
