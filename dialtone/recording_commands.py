"""`dialtone recordings`: what operators do with recordings.

Exit codes: 0 all is well, 1 something is wrong with a recording or was not done, 2 wrong usage. What changes or deletes
something is written to the audit first, in the name of `--by`.
"""

import getpass
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from dialtone.archive import SETTING, Copier, open_sink
from dialtone.errors import ConfigurationError
from dialtone.privacy import masked
from dialtone.storage import RECORDINGS_CONTAINER, Entry, Storage
from dialtone.storage.keeper import Keeper, Report, retention
from dialtone.storage.keys import day_of

_out = Console(highlight=False, markup=False)

Work = Callable[[Storage], Coroutine[Any, Any, None]]
Path = Annotated[str, typer.Argument(help="The recording, as `list` shows it.")]
By = Annotated[str, typer.Option(help="Who does it, for the audit.", show_default="the user of this machine")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Day = Annotated[str, typer.Option(help="A UTC day, as yyyymmdd.", show_default="today")]


def commands(with_storage: Callable[[Work], None]) -> typer.Typer:
    """The verbs; `with_storage` runs their work on the storage that the settings name."""
    recordings = typer.Typer(help="The recordings of calls.", no_args_is_help=True)

    @recordings.command(name="list")
    def list_recordings(
        day: Day = "",
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 100,
        after: Annotated[str, typer.Option(help="Only those after this one.")] = "",
        as_json: Json = False,
    ) -> None:
        """List the recordings of a day, as the ledger has them."""

        async def show(storage: Storage) -> None:
            entries = await storage.ledger.of_day(_day(day), limit=limit, after=after)
            if as_json:
                print(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False))
                return
            for entry in entries:
                _out.print(_told(entry), soft_wrap=True)

        with_storage(show)

    @recordings.command()
    def reconcile(day: Day = "", as_json: Json = False) -> None:
        """Compare the ledger with what is stored of a day; mend what can be. Exit 1: something is wrong."""
        reports: list[Report] = []

        async def compare(storage: Storage) -> None:
            reports.append(await _keeper(storage).reconcile(_day(day)))

        with_storage(compare)
        (report,) = reports
        if as_json:
            print(json.dumps(asdict(report)))
        else:
            for kind, path in report.findings:
                _out.print(f"{kind:<9} {path}", soft_wrap=True)
            _out.print(str(report))
        raise typer.Exit(1 if report.findings else 0)

    @recordings.command()
    def hold(path: Path, reason: Annotated[str, typer.Option(help="Why, such as the case.")], by: By = "") -> None:
        """Keep a recording from being deleted until it is released. Exit 1: there is none."""
        _done(
            with_storage,
            lambda storage: _audited(storage, by, "recording.hold", path, lambda: _keeper(storage).hold(path, reason)),
            "there is no such recording, or it is deleted",
        )

    @recordings.command()
    def release(path: Path, by: By = "") -> None:
        """End a legal hold. Exit 1: there is no such recording."""
        _done(
            with_storage,
            lambda storage: _audited(storage, by, "recording.release", path, lambda: _keeper(storage).release(path)),
            "there is no such recording",
        )

    @recordings.command()
    def delete(
        path: Annotated[str, typer.Argument(help="The recording; without it, name a caller.")] = "",
        caller: Annotated[str, typer.Option(help="All recordings of this caller, such as 4:+15550100.")] = "",
        by: By = "",
        as_json: Json = False,
    ) -> None:
        """Delete a recording, or all of a caller, with a receipt, and the copies in DIALTONE_ARCHIVE. Exit 1: something
        is kept; the receipt says why.
        """
        if bool(path) == bool(caller):
            raise ConfigurationError(
                "one recording or one caller is to be deleted", field="PATH", fix="give a path, or --caller"
            )
        if path:
            _delete(with_storage, by, path)
            return
        complete: list[bool] = []

        async def forget(storage: Storage) -> None:
            key = await storage.ledger.caller_key(caller)
            async with _deleting(storage) as keeper:
                await storage.audit.write(_who(by), "caller.delete", key)
                receipt = await keeper.delete_caller(caller, by=_who(by))
            complete.append(receipt.complete)
            if as_json:
                print(json.dumps(asdict(receipt)))
                return
            _out.print(f"receipt {receipt.id} for {masked(caller)}: {len(receipt.deleted)} deleted")
            for held in receipt.held:
                _out.print(f"held     {held}", soft_wrap=True)
            for copy in receipt.archived:
                _out.print(f"archived {copy['at']}: {copy['why']}", soft_wrap=True)

        with_storage(forget)
        raise typer.Exit(0 if all(complete) else 1)

    return recordings


def _delete(with_storage: Callable[[Work], None], by: str, path: str) -> None:
    left: list[str | None] = []

    async def work(storage: Storage) -> None:
        async with _deleting(storage) as keeper:
            await storage.audit.write(_who(by), "recording.delete", path)
            left.append(await keeper.delete(path))

    with_storage(work)
    (why,) = left
    if why is None:
        _out.print("not done: there is no such recording, or a legal hold keeps it")
    elif why:
        _out.print(f"deleted, but for its copy in the archive: {why}")
    raise typer.Exit(1 if why != "" else 0)


def _done(with_storage: Callable[[Work], None], do: Callable[[Storage], Coroutine[Any, Any, bool]], why: str) -> None:
    done: list[bool] = []

    async def work(storage: Storage) -> None:
        done.append(await do(storage))

    with_storage(work)
    if not all(done):
        _out.print(f"not done: {why}")
        raise typer.Exit(1)


async def _audited(
    storage: Storage, by: str, what: str, path: str, do: Callable[[], Coroutine[Any, Any, bool]]
) -> bool:
    await storage.audit.write(_who(by), what, path)
    return await do()


def _keeper(storage: Storage, archive: Copier | None = None) -> Keeper:
    container = storage.backend.container(RECORDINGS_CONTAINER)
    classes = retention(os.environ.get("DIALTONE_RETENTION", ""))
    return Keeper(container, storage.ledger, classes=classes, archive=archive)


@asynccontextmanager
async def _deleting(storage: Storage) -> AsyncIterator[Keeper]:
    """The keeper with the archive that the functions' settings name, so that copies are deleted too."""
    setting = os.environ.get(SETTING, "")
    if not setting:
        yield _keeper(storage)
        return
    sink = open_sink(
        setting,
        storage=os.environ.get("DIALTONE_ARCHIVE_STORAGE", ""),
        client_id=os.environ.get("AZURE_CLIENT_ID") or None,
    )
    try:
        yield _keeper(storage, Copier(storage.backend.container(RECORDINGS_CONTAINER), sink))
    finally:
        await sink.close()


def _who(by: str) -> str:
    return by or f"{getpass.getuser()} (dialtone)"


def _day(day: str) -> str:
    if not day:
        return day_of(datetime.now(UTC).timestamp())
    if len(day) != 8 or not day.isdecimal():
        raise ConfigurationError("a day is eight digits", field="--day", fix="write it as yyyymmdd, such as 20270131")
    return day


def _told(entry: Entry) -> str:
    marks: Sequence[str] = [
        mark
        for mark in (
            f"held: {entry.hold}" if entry.hold else "",
            f"consent {entry.consent}" if entry.consent else "",
            f"fault {entry.fault}" if entry.fault else "",
            "archived" if entry.archived else "",
        )
        if mark
    ]
    size = f"{entry.seconds:>7.1f} s {entry.size:>11,} bytes"
    return f"{entry.state:<8} {size}  {entry.path}  {entry.caller}  {', '.join(marks)}".rstrip()
