"""What the failures of a storage account mean.

1. A caller is waiting. A request has 4 s, its retries included; audio has 1 s more per 2 MB.
2. Whatever fails is StorageUnavailable, which answers 503 so that the platform tries again. Its message names the
   request and the account's error code, never a key, a link or what a caller said.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from dialtone import telemetry
from dialtone.errors import StorageUnavailable

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError

SETTING: Final = "DIALTONE_STORAGE"
DEADLINE: Final = 4.0
AUDIO_BYTES_PER_SECOND: Final = 2_000_000


@asynccontextmanager
async def guard(request: str, *, size: int = 0) -> AsyncIterator[None]:
    """Keep both rules for what happens inside. `request` says what is asked; `size` is that of the audio, in bytes."""
    import aiohttp
    from azure.core.exceptions import AzureError, HttpResponseError

    seconds, began = DEADLINE + size / AUDIO_BYTES_PER_SECOND, time.perf_counter()
    try:
        with telemetry.span("storage", {"dialtone.storage.request": request}, kind="client"):
            async with asyncio.timeout(seconds):
                yield
        telemetry.measure("dialtone.storage.duration", time.perf_counter() - began, request=request)
    except TimeoutError as error:
        raise StorageUnavailable(
            f"{request}: no answer within {seconds:g} s",
            fix=f"check that {SETTING} names a storage account that is up and can be reached from here",
        ) from error
    except HttpResponseError as error:
        raise _refused(request, error) from error
    except (AzureError, aiohttp.ClientError, OSError) as error:
        raise StorageUnavailable(
            f"{request}: {type(error).__name__}",
            fix=f"check that {SETTING} names a storage account that is up and can be reached from here",
        ) from error


def _refused(request: str, error: "HttpResponseError") -> StorageUnavailable:
    from azure.core.exceptions import ClientAuthenticationError

    status = error.status_code or 0
    answer = f"{type(error).__name__}, status {status}"
    if code := getattr(error.response, "headers", {}).get("x-ms-error-code"):
        answer += f", {code}"
    if status == 403 or isinstance(error, ClientAuthenticationError):
        fix = (
            "give the app a managed identity with the roles Storage Table Data Contributor and Storage Blob Data "
            f"Contributor, or correct the key in {SETTING}; look at the account's network rules too"
        )
    elif status == 429 or status >= 500:
        fix = "nothing, if it passes: the storage account is busy and the platform tries again"
    else:
        fix = "look the error code up among Azure Storage's: the account is not as the kit expects it"
    return StorageUnavailable(f"{request}: {answer}", fix=fix)
