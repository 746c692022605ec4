"""What became of the uploads of one prompt in one culture, as a row of the table `prompts` keeps it.

Container `promptversions`: `<slot>~<id>`, where the id is a hash of the content and an ending, and `<slot>~<id>.8k` for
the same sound at 8 kHz. Blobs are written once; what a version is stands in its metadata, in percent-encoded ASCII.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self
from urllib.parse import quote, unquote

from dialtone.errors import BotError
from dialtone.gate import Good
from dialtone.storage.backend import Blob

TYPES: Final = {"wav": "audio/wav", "ssml": "text/plain; charset=utf-8", "txt": "text/plain; charset=utf-8"}
"""Content types of versions; a browser shows SSML as text."""

LIVE_KEPT: Final = 8
"""Versions that calls under way may still hear."""

_VALUE_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """Something that was good. `since` is when it went live (Unix seconds), `bytes` and `seconds` are those of its
    file, `level` is in dB; `text` is what is spoken, and `ssml` how, if it is spoken. `file` is what was uploaded,
    `by` who did it, where that is known.
    """

    slot: str
    id: str
    since: float
    bytes: int = 0
    seconds: float = 0.0
    level: float = 0.0
    text: str = ""
    ssml: str = ""
    file: str = ""
    by: str = ""

    @classmethod
    def of(cls, slot: str, good: Good, *, file: str, by: str, since: float) -> Self:
        """The version that something good makes."""
        digest = hashlib.sha256(good.data).hexdigest()[:16]
        ssml = good.data.decode() if good.ending == "ssml" else ""
        size, level = len(good.data), round(good.level, 1)
        return cls(
            slot, f"{digest}.{good.ending}", since, size, round(good.seconds, 2), level, good.text, ssml, file, by
        )

    @property
    def ending(self) -> str:
        """`wav`, `ssml` or `txt`."""
        return self.id.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class FileState:
    """What became of a file: the `version` that is played of it, or nothing, and why its latest upload was refused."""

    file: str
    etag: str = ""
    version: str = ""
    code: str = ""
    reason: str = ""
    fix: str = ""

    def refused(self, etag: str, why: BotError) -> "FileState":
        """The same with an upload that is not played: what was good goes on."""
        return replace(self, etag=etag, code=why.code, reason=why.message, fix=why.fix)


@dataclass(frozen=True, slots=True)
class SlotState:
    """The state of a slot. `signature` is the list that it is about; `kept` has the versions that `files` name; `live`
    are those that were played and since when, the latest last, where None says that nothing was.
    """

    signature: tuple[tuple[str, str], ...] = ()
    files: tuple[FileState, ...] = ()
    kept: tuple[PromptVersion, ...] = ()
    live: tuple[tuple[float, PromptVersion | None], ...] = ()

    def playing(self, as_of: float | None, delay: float = 0.0) -> PromptVersion | None:
        """What a call hears that began at a time (Unix seconds), or begins now, if versions are heard after a delay."""
        if as_of is None:
            return self.live[-1][1] if self.live else None
        for since, version in reversed(self.live):
            if since + delay <= as_of:
                return version
        # Older than all that is kept.
        return self.live[0][1] if len(self.live) == LIVE_KEPT else None

    def settled(
        self,
        signature: tuple[tuple[str, str], ...],
        files: list[FileState],
        made: Mapping[str, PromptVersion],
        since: float,
    ) -> "SlotState":
        """The state after an upload was judged: the first file with a good version is played."""
        known = {version.id: version for version in self.kept} | dict(made)
        winner = next((known[each.version] for each in files if each.version in known), None)
        live = self.live
        last = live[-1][1] if live else None
        if (winner and winner.id) != (last and last.id):
            live = (*live, (since, winner and replace(winner, since=since)))[-LIVE_KEPT:]
        kept = tuple(known[each.version] for each in files if each.version in known)
        return SlotState(signature, tuple(files), kept, live)

    def emptied(self) -> "SlotState":
        """The state after all files were deleted: what comes under their names later begins anew."""
        return SlotState(live=self.live)

    def written(self) -> str:
        """As JSON."""
        live = [[since, version and asdict(version)] for since, version in self.live]
        document = {
            "signature": self.signature,
            "files": [asdict(each) for each in self.files],
            "kept": [asdict(each) for each in self.kept],
            "live": live,
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Self:
        """From JSON."""
        found: dict[str, Any] = json.loads(text)
        return cls(
            tuple((name, etag) for name, etag in found["signature"]),
            tuple(FileState(**each) for each in found["files"]),
            tuple(PromptVersion(**each) for each in found["kept"]),
            tuple((since, version and PromptVersion(**version)) for since, version in found["live"]),
        )


def versions_prefix(slot: str) -> str:
    """How the blobs of a slot's versions begin."""
    return f"{slot}~"


def path_of(slot: str, version: str) -> str:
    """The blob of a version."""
    return f"{versions_prefix(slot)}{version}"


def narrow_path(slot: str, version: str) -> str:
    """The blob of a version's sound at 8 kHz."""
    return f"{path_of(slot, version)}.8k"


def about(version: PromptVersion) -> dict[str, str]:
    """The metadata of a version's blob."""
    values = {
        "since": repr(version.since),
        "seconds": repr(version.seconds),
        "level": repr(version.level),
        "file": version.file,
        "by": version.by,
        "said": version.text[:200],
    }
    # An account refuses metadata with an empty value.
    return {name: quote(value, safe=":@+/ ")[:_VALUE_MAX] for name, value in values.items() if value}


def version_of_blob(slot: str, blob: Blob) -> PromptVersion | None:
    """The version that a blob is, as its metadata tells: `text` is its beginning only, `ssml` is left out."""
    values = {name: unquote(value, errors="replace") for name, value in blob.metadata.items()}
    if "since" not in values:
        return None
    return PromptVersion(
        slot,
        blob.name.removeprefix(versions_prefix(slot)),
        float(values["since"]),
        blob.size,
        float(values.get("seconds", 0)),
        float(values.get("level", 0)),
        values.get("said", ""),
        "",
        values.get("file", ""),
        values.get("by", ""),
    )
