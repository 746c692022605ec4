"""What it costs to look up the prompts of a turn, when nothing has changed."""

import asyncio
import math
from array import array
from time import perf_counter

from bench.table import Figure, show
from dialtone.gate import wav
from dialtone.storage import PROMPTS_CONTAINER, PROMPTS_TABLE, VERSIONS_CONTAINER, PromptStore
from dialtone.storage.account import Address, AzureAccount
from dialtone.storage.backend import Blob
from dialtone.storage.memory import MemoryBackend, MemoryContainer

ROUNDS = 7
LOOKUPS = 2_000


class Counted(MemoryContainer):
    """Counts what it is asked for; its links are signed as an account signs them."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self._account = AzureAccount(Address.from_connection_string("UseDevelopmentStorage=true"))

    async def blobs(self, prefix: str = "", *, limit: int | None = None, metadata: bool = False) -> list[Blob]:
        self.requests += 1
        return await super().blobs(prefix, limit=limit, metadata=metadata)

    async def link(self, name: str, seconds: float, content_type: str, *, save_as: str = "") -> str:
        return await self._account.link(VERSIONS_CONTAINER, name, seconds, content_type, save_as)


async def _measure() -> list[list[str]]:
    backend, uploads = MemoryBackend(), Counted()
    store = PromptStore(uploads, Counted(), backend.table(PROMPTS_TABLE), refresh=3600)
    tone = array("h", (round(9_000 * math.sin(at / 9)) for at in range(16_000))).tobytes()
    await store.put("welcome.en.wav", wav.write(tone, wav.RATE))
    await store.put("menu.txt", b"Press 1.")
    for number in range(200):
        await uploads.put(f"other-{number}.txt", b"Another.", "text/plain", {}, overwrite=True)
    rows = []
    for title, names in (
        ("one, uploaded as sound", ["welcome"]),
        ("one, uploaded as text", ["menu"]),
        ("one that nobody uploaded", ["goodbye"]),
        ("two of a turn", ["welcome", "menu"]),
    ):
        await store.resolve(names, "en-US")
        before = uploads.requests
        rounds = []
        for _ in range(ROUNDS):
            began = perf_counter()
            for _ in range(LOOKUPS):
                await store.resolve(names, "en-US", as_of=2e9)
            rounds.append((perf_counter() - began) / LOOKUPS * 1e6)
        values = f"{Figure(rounds).median:.1f} ({min(rounds):.1f}-{max(rounds):.1f})"
        rows.append([title, values, str(uploads.requests - before)])
    return rows


def run() -> None:
    """Print the table."""
    note = f"202 prompts in `{PROMPTS_CONTAINER}`, within the refresh window. Aim: 30 µs, and no request."
    show("Prompt look-up", ["prompts", "µs, median (range)", "requests"], asyncio.run(_measure()), note)
