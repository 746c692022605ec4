"""An archive in a folder of this machine, or of whatever is mounted there."""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from dialtone.archive import Copy, Taken, Upload
from dialtone.errors import DependencyError

T = TypeVar("T")

_PIECE: Final = 1_048_576


class FolderSink:
    """See `Sink`. A copy that is being written is a folder of parts, `.<name>.parts`; beside a finished one lies
    `<name>.json` with what was said of it.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def address(self, name: str) -> str:
        """See `Sink`."""
        return f"file://{self._folder / name}"

    async def find(self, name: str) -> Copy | None:
        """See `Sink`: it is read and hashed, for nothing else is sure to be true of a file."""
        return await self._do(lambda: _copy_of(self._folder / name))

    async def begin(self, name: str, about: Mapping[str, str]) -> Upload:
        """See `Sink`."""

        def look() -> Upload:
            parts = self._parts(name)
            parts.mkdir(parents=True, exist_ok=True)
            there = {int(part.name): _md5(part) for part in parts.iterdir() if part.name.isdecimal()}
            return Upload(name, str(parts), there)

        return await self._do(look)

    async def send(self, upload: Upload, number: int, data: bytes) -> None:
        """See `Sink`."""

        def write() -> None:
            part = Path(upload.token) / str(number)
            _write(part.with_suffix(".new"), data)
            part.with_suffix(".new").replace(part)

        await self._do(write)

    async def finish(self, upload: Upload, count: int, about: Mapping[str, str]) -> None:
        """See `Sink`."""

        def join() -> None:
            target, parts = self._folder / upload.name, Path(upload.token)
            whole = parts / "whole"
            with whole.open("wb") as file:
                for number in range(count):
                    file.write((parts / str(number)).read_bytes())
                file.flush()
                os.fsync(file.fileno())
            _write(target.with_name(f"{target.name}.json"), json.dumps(dict(about)).encode())
            try:
                # A link is made or not, and never in place of what is there.
                os.link(whole, target)
            except FileExistsError:
                raise Taken from None
            target.chmod(0o444)
            _clear(parts)

        await self._do(join)

    async def give_up(self, upload: Upload) -> None:
        """See `Sink`."""
        await self._do(lambda: _clear(Path(upload.token)))

    async def remove(self, name: str) -> str:
        """See `Sink`."""

        def unlink() -> str:
            target = self._folder / name
            target.unlink(missing_ok=True)
            target.with_name(f"{target.name}.json").unlink(missing_ok=True)
            return ""

        return await self._do(unlink)

    async def close(self) -> None:
        """See `Sink`: there are none."""

    def _parts(self, name: str) -> Path:
        target = self._folder / name
        return target.with_name(f".{target.name}.parts")

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise DependencyError(
                f"the archive's folder: {type(error).__name__}",
                field="DIALTONE_ARCHIVE",
                fix="see that the folder is there, has room, and may be written",
            ) from error


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _copy_of(path: Path) -> Copy | None:
    digest: Any = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += len(piece)
    except FileNotFoundError:
        return None
    return Copy(size, digest.hexdigest())


def _clear(parts: Path) -> None:
    for part in parts.iterdir() if parts.is_dir() else ():
        part.unlink(missing_ok=True)
    if parts.is_dir():
        parts.rmdir()
