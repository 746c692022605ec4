"""Opens the platform that a command line names, and the bot that is rung on it.

An entry of PLATFORMS is all that a command line needs to know of a platform: a context manager that opens it from the
options, with whatever it serves meanwhile.
"""

import argparse
import binascii
import sys
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from simulator.clock import Clock, RealClock, VirtualClock
from simulator.house import HttpHouse
from simulator.issuer import Issuer, load_key, serve_issuer
from simulator.lab import Bot
from simulator.platform import Platform
from simulator.platforms.acs import AcsResource
from simulator.platforms.acs_incoming import Acs
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.rest import RestApp
from simulator.platforms.skype import Skype
from simulator.platforms.teams import GraphService
from simulator.platforms.teams_incoming import Teams
from simulator.platforms.teams_settings import TeamsSettings
from simulator.serving import listening
from simulator.wire import TlsFiles, Wire, open_wire


def add_options(command: argparse.ArgumentParser, port: Callable[[str], int], url: Callable[[str], str]) -> None:
    """The options of a command that rings a bot; `port` and `url` read their values."""
    command.add_argument("--bot", type=url, required=True, metavar="URL", help="where the bot takes its calls")
    command.add_argument("--platform", choices=tuple(PLATFORMS), default="skype", help="default: %(default)s")
    command.add_argument(
        "--platform-port", type=port, default=0, metavar="PORT", help="of the platform's REST API; default: a free one"
    )
    command.add_argument(
        "--platform-key",
        type=_key,
        metavar="BASE64",
        help="what its REST API wants: the access key (acs), the SHA-256 of the app's certificate (teams)",
    )
    command.add_argument("--jwt", metavar="ID", help="have tokens verified: they are for this app, or resource")
    command.add_argument("--issuer-port", type=port, default=0, help="where the key set is; default: a free port")
    command.add_argument(
        "--issuer-key", type=Path, default=Path(".dialtone/issuer.pem"), metavar="PEM", help="default: %(default)s"
    )
    command.add_argument("--house", type=url, metavar="URL", help="whoever runs the bot (simulator/house.py)")
    add_tls_options(command)


def add_tls_options(command: argparse.ArgumentParser) -> None:
    """The options of a command that may ring over https."""
    command.add_argument("--tls-ca", type=Path, metavar="PEM", help="authorities to trust besides the public ones")
    command.add_argument("--client-cert", type=Path, metavar="PEM", help="the platform's client certificate")
    command.add_argument("--client-key", type=Path, metavar="PEM", help="its key, where it is in another file")


def tls_of(options: argparse.Namespace) -> TlsFiles:
    """The files that `add_tls_options` asks for."""
    return TlsFiles(options.tls_ca, options.client_cert, options.client_key)


@asynccontextmanager
async def open_bot(options: argparse.Namespace) -> AsyncIterator[Bot]:
    """The bot of the options, on their platform. Raises OSError for a port in use, `IssuerError` for a bad key."""
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(open_wire(tls_of(options)))
        platform = await stack.enter_async_context(PLATFORMS[options.platform](options, wire))
        house = HttpHouse(options.house, wire) if options.house is not None else None
        yield Bot(options.bot, wire, platform, house)


@asynccontextmanager
async def _skype(options: argparse.Namespace, _: Wire) -> AsyncIterator[Skype]:
    if options.jwt is None:
        yield Skype()
        return
    issuer = Issuer(load_key(options.issuer_key), options.jwt)
    async with serve_issuer(issuer, options.issuer_port) as address:
        print(f"simulator: tokens for {options.jwt}, metadata at {address}", file=sys.stderr, flush=True)
        yield Skype(issuer=issuer)


@asynccontextmanager
async def _acs(options: argparse.Namespace, wire: Wire) -> AsyncIterator[Acs]:
    settings = AcsSettings()
    if options.platform_key is not None:
        settings = replace(settings, access_key=options.platform_key)
    if options.jwt is not None:
        settings = replace(settings, resource_id=options.jwt)
    # Calls that bots place have a clock of their own, of the same kind.
    clock: type[Clock] = VirtualClock if getattr(options, "time", "virtual") == "virtual" else RealClock
    resource = AcsResource(wire, clock, settings, events_url=options.bot)
    async with listening(RestApp(resource.handle), options.platform_port) as port:
        print(f"simulator: the ACS resource is at http://127.0.0.1:{port}", file=sys.stderr, flush=True)
        try:
            yield Acs(resource, tokens=options.jwt is not None)
        finally:
            await resource.close()


@asynccontextmanager
async def _teams(options: argparse.Namespace, wire: Wire) -> AsyncIterator[Teams]:
    settings = TeamsSettings()
    if options.platform_key is not None:
        settings = replace(settings, thumbprint=urlsafe_b64encode(options.platform_key).rstrip(b"=").decode())
    if options.jwt is not None:
        settings = replace(settings, app=options.jwt)
    clock: type[Clock] = VirtualClock if getattr(options, "time", "virtual") == "virtual" else RealClock
    service = GraphService(wire, clock, settings, bot_url=options.bot)
    async with listening(RestApp(service.handle), options.platform_port) as port:
        service.base = f"http://127.0.0.1:{port}"
        print(f"simulator: Microsoft Graph is at {service.base}", file=sys.stderr, flush=True)
        try:
            yield Teams(service, tokens=options.jwt is not None)
        finally:
            await service.close()


def _key(value: str) -> bytes:
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        raise argparse.ArgumentTypeError("the key is not base64") from None


PLATFORMS: Final[dict[str, Callable[[argparse.Namespace, Wire], AbstractAsyncContextManager[Platform]]]] = {
    "skype": _skype,
    "acs": _acs,
    "teams": _teams,
}
"""By the name that `--platform` has for it."""
