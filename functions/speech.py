"""Texts as files, for a platform that plays files only: SSML to WAV (16 kHz, 16 bit, mono) by Azure's speech service.

Source: Azure AI Speech, "Text to speech REST API": the format `riff-16khz-16bit-mono-pcm`, a key, or a token for the
resource's own address.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from dialtone.errors import DependencyError
from functions.platform_client import PlatformClient

SCOPE: Final = "https://cognitiveservices.azure.com/.default"
FORMAT: Final = "riff-16khz-16bit-mono-pcm"
WAV_MAX: Final = 32 * 1024 * 1024
_KEPT: Final = 32


@dataclass(slots=True)
class Speech:
    """A speech resource. `token` gives a token of Entra for a scope, where there is no key."""

    url: str
    key: str
    token: Callable[[str], Awaitable[str]]
    _http: PlatformClient = field(
        default_factory=lambda: PlatformClient("the speech service", "DIALTONE_TEAMS_SPEECH"), init=False
    )
    _kept: dict[str, bytes] = field(default_factory=dict, init=False)

    async def wav(self, ssml: str) -> bytes:
        """The file of a text; the last few are kept. Raises `DependencyError`."""
        if (known := self._kept.get(ssml)) is not None:
            return known
        headers = {
            "Content-Type": "application/ssml+xml",
            "X-Microsoft-OutputFormat": FORMAT,
            "User-Agent": "dialtone",
        }
        status, wav = await self._http.request("POST", self.url, ssml.encode(), headers, self._proof, limit=WAV_MAX)
        if status != 200:
            raise DependencyError(
                f"the speech service answered with {status}", fix="look at DIALTONE_TEAMS_SPEECH and its key or role"
            )
        if len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[ssml] = wav
        return wav

    async def close(self) -> None:
        """Close its connections."""
        await self._http.close()

    async def _proof(self, *_: object) -> dict[str, str]:
        if self.key:
            return {"Ocp-Apim-Subscription-Key": self.key}
        return {"Authorization": f"Bearer {await self.token(SCOPE)}"}
