"""Whether this app could take a call, looked at from within: `python -m functions.diagnosis`, for `dialtone doctor`.

Reads the settings of this process as the functions do. Prints one JSON object a line for each check, in this order and
as far as it makes sense: `check`, `wrong` (empty when all is well) and `fix`. Nothing is changed but that tables and
containers which are not there are created, as the first call would.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import urlsplit

from dialtone.appstate import AppStateCodec, keys_from_setting
from dialtone.errors import ConfigurationError, DialtoneError
from dialtone.gate import ENDINGS
from dialtone.loading import load_bot
from dialtone.protocol.rules import LOOPBACK
from dialtone.storage import PROMPTS_CONTAINER, Storage, open_storage
from functions.canary import keys_of
from functions.certificates import Certificates, read_pem
from functions.outside import signal_keys
from functions.settings import Settings, is_private
from functions.tokens import read_keys

KEY_VAULT: Final = "@Microsoft.KeyVault("
"""How a setting starts that the platform reads from a vault before the app starts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: what is `wrong`, or nothing, and how to mend it."""

    check: str
    wrong: str = ""
    fix: str = ""


async def diagnose(environment: dict[str, str]) -> AsyncIterator[Finding]:
    """The findings, as they are made."""
    for name, value in environment.items():
        if name.startswith("DIALTONE_") and value.startswith(KEY_VAULT):
            yield Finding(
                "settings",
                f"{name}: the vault's secret was not put in its place",
                "give the app's identity the role Key Vault Secrets User, and see that the secret is there",
            )
            return
    try:
        settings = Settings.from_environment(environment)
    except ConfigurationError as error:
        yield _found("settings", error)
        return
    yield Finding("settings")
    checks: list[tuple[str, Callable[[Settings], Awaitable[None]]]] = [
        ("bot", _bot),
        ("appstate key", _appstate_key),
        ("public address", _public_address),
    ]
    if "jwt" in settings.ways:
        checks.append(("token issuer", _token_issuer))
    if "certificate" in settings.ways:
        checks.append(("client certificates", _client_certificates))
    if settings.signal_key:
        checks.append(("signal key", _signal_key))
    if settings.canary_keys:
        checks.append(("canary keys", _canary_keys))
    for name, check in checks:
        try:
            await check(settings)
        except DialtoneError as error:
            yield _found(name, error)
        else:
            yield Finding(name)
    async for finding in _storage(settings):
        yield finding


async def _bot(settings: Settings) -> None:
    load_bot(settings.bot)


async def _appstate_key(settings: Settings) -> None:
    AppStateCodec(keys_from_setting(settings.appstate_key))


async def _public_address(settings: Settings) -> None:
    if not is_private(settings.public_url):
        raise ConfigurationError(
            "the platform calls back by http, which anybody on the way can read and change",
            field="DIALTONE_PUBLIC_URL",
            fix="use https",
        )
    if "loopback" in settings.ways and urlsplit(settings.public_url).hostname not in LOOPBACK:
        raise ConfigurationError(
            "verification is off, and the address is not this machine",
            field="DIALTONE_AUTH",
            fix="set it to jwt, or the address to http://127.0.0.1:7071",
        )


async def _token_issuer(settings: Settings) -> None:
    await read_keys(settings.jwt_metadata)


async def _client_certificates(settings: Settings) -> None:
    between = settings.certificate_intermediates
    Certificates(
        roots=read_pem("DIALTONE_CERTIFICATE_ROOTS", settings.certificate_roots),
        intermediates=read_pem("DIALTONE_CERTIFICATE_INTERMEDIATES", between) if between else b"",
        names=settings.certificate_names,
    )


async def _signal_key(settings: Settings) -> None:
    signal_keys(settings)


async def _canary_keys(settings: Settings) -> None:
    keys_of(settings.canary_keys)


async def _storage(settings: Settings) -> AsyncIterator[Finding]:
    try:
        storage = open_storage(
            settings.storage,
            account=settings.storage_account,
            client_id=settings.client_id,
            prompt_channels=settings.prompt_channels,
        )
    except ConfigurationError as error:
        yield _found("storage", error)
        return
    try:
        await storage.ensure()
        await storage.ping()
        yield Finding("storage")
        wrong = [finding async for finding in _prompts(storage)]
    except DialtoneError as error:
        yield _found("storage", error)
        return
    finally:
        await storage.close()
    for finding in wrong or [Finding("prompts")]:
        yield finding


async def _prompts(storage: Storage) -> AsyncIterator[Finding]:
    """What is wrong with the prompts that are uploaded."""
    for status in await storage.prompts.statuses():
        heard = "an earlier version goes on" if status.playing else "it is not heard"
        for file in status.files:
            if file.reason:
                yield Finding("prompts", f"{PROMPTS_CONTAINER}/{file.file}: {file.reason}; {heard}", file.fix)
    for name in await storage.prompts.strangers():
        yield Finding(
            "prompts",
            f"{PROMPTS_CONTAINER}/{name} is not heard: its name is none of a prompt",
            f"name it <name>.<ending> or <name>.<culture>.<ending>, with {', '.join(ENDINGS)}",
        )


def _found(check: str, error: DialtoneError) -> Finding:
    where = f"{error.field}: " if error.field else ""
    return Finding(check, f"{where}{error.message}", error.fix)


async def main() -> int:
    """Print the findings; return the exit status, 1 when something is wrong."""
    status = 0
    async for finding in diagnose(dict(os.environ)):
        print(json.dumps(asdict(finding)), flush=True)
        status = status or int(bool(finding.wrong))
    return status


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
