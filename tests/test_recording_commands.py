"""`dialtone recordings` on a real account."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dialtone.archive import Copier, Sink, open_sink
from dialtone.commands import app
from dialtone.errors import ConfigurationError
from dialtone.storage import RECORDINGS_CONTAINER, Recording, Storage, open_storage
from dialtone.storage.keeper import Keeper
from dialtone.storage.keys import day_of
from tests.test_archive import bucket_in, s3_url

__all__ = ["s3_url"]

LEFT = Recording("call-7", "1-0", "4:+15550100", 3.5, "wav", "completedStopToneDetected", 1_700_000_000.0)
PATH = "2023/11/14/call-7/1-0.wav"
DAY = "20231114"
Run = Callable[..., tuple[int, str]]


def on(connection: str, work: Callable[[Storage], Any]) -> Any:
    async def main() -> Any:
        storage = open_storage(connection)
        try:
            return await work(storage)
        finally:
            await storage.close()

    return asyncio.run(main())


@pytest.fixture
def run(azurite_connection: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on an account with two recordings."""
    monkeypatch.setenv("DIALTONE_STORAGE", azurite_connection)

    async def leave(storage: Storage) -> None:
        for operation in ("1-0", "2-0"):
            await storage.recordings.save(replace(LEFT, operation_id=operation), b"RIFF" * 100)

    on(azurite_connection, leave)

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["recordings", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return call


@pytest.mark.azurite
def test_the_life_of_recordings_at_the_command_line(run: Run, azurite_connection: str) -> None:
    code, shown = run("list", "--day", DAY)
    assert code == 0
    assert [line.split()[-2] for line in shown.splitlines()] == [PATH, PATH.replace("1-0", "2-0")]
    assert [entry["path"] for entry in json.loads(run("list", "--day", DAY, "--json", "--limit", "1")[1])] == [PATH]
    assert run("list") == (0, "")

    assert run("hold", PATH, "--reason", "case 7", "--by", "ann")[0] == 0
    assert "held: case 7" in run("list", "--day", DAY)[1]
    assert run("delete", PATH)[0] == 1
    code, receipt = run("delete", "--caller", "4:+15550100", "--by", "ann", "--json")
    assert code == 1
    told = json.loads(receipt)
    assert (len(told["deleted"]), told["held"], told["complete"], told["by"]) == (1, [PATH], False, "ann")
    assert run("release", PATH)[0] == 0
    code, told_to_people = run("delete", "--caller", "4:+15550100")
    assert code == 0
    assert "4:+******00: 1 deleted" in told_to_people
    assert run("hold", PATH, "--reason", "late")[0] == 1
    assert run("release", "none")[0] == 1

    async def audit(storage: Storage) -> list[tuple[str, str]]:
        deeds = await storage.audit.of_day(day_of(__import__("time").time()))
        return [(deed.what, deed.target) for deed in reversed(deeds)]

    deeds = on(azurite_connection, audit)
    assert [what for what, _ in deeds] == [
        "recording.hold", "recording.delete", "caller.delete", "recording.release", "caller.delete", "recording.hold",
        "recording.release",
    ]  # fmt: skip
    assert "+15550100" not in str(deeds)


def archive(connection: str, sink: Sink) -> None:
    """Copy what is there."""

    async def copy(storage: Storage) -> None:
        container = storage.backend.container(RECORDINGS_CONTAINER)
        report = await Keeper(container, storage.ledger, archive=Copier(container, sink)).work()
        assert report.archived == 2
        await sink.close()

    on(connection, copy)


@pytest.mark.azurite
def test_copies_are_deleted_too_where_it_is_said_where_they_are(
    run: Run, azurite_connection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(azurite_connection, open_sink(f"file://{tmp_path}"))
    code, told = run("delete", PATH)
    assert (code, told) == (1, "deleted, but for its copy in the archive: no archive is configured here\n")
    assert (tmp_path / PATH).exists()
    monkeypatch.setenv("DIALTONE_ARCHIVE", f"file://{tmp_path}")
    code, receipt = run("delete", "--caller", "4:+15550100", "--json")
    assert (code, json.loads(receipt)["complete"]) == (0, True)
    # That of the recording which was deleted before is found by the caller, too.
    assert not list(tmp_path.rglob("*.wav"))
    assert json.loads(run("delete", "--caller", "4:+15550100", "--json")[1])["deleted"] == []


@pytest.mark.azurite
def test_the_receipt_names_the_copies_that_are_locked(
    run: Run, azurite_connection: str, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = bucket_in(s3_url, monkeypatch, lock=True)
    archive(azurite_connection, open_sink(f"s3://{bucket}", lock_days=30))
    monkeypatch.setenv("DIALTONE_ARCHIVE", f"s3://{bucket}")
    code, told = run("delete", PATH)
    assert (code, "it is locked" in told) == (1, True)
    for _ in range(2):
        code, receipt = run("delete", "--caller", "4:+15550100", "--json")
        kept = json.loads(receipt)["archived"]
        assert (code, [each["at"] for each in kept]) == (
            1, [f"s3://{bucket}/{PATH}", f"s3://{bucket}/{PATH.replace('1-0', '2-0')}"]
        )  # fmt: skip
        assert all("it is locked" in each["why"] for each in kept)

    async def left(storage: Storage) -> tuple[int, str]:
        entries = await storage.ledger.of_day(DAY)
        return len(await storage.recordings.list()), "".join(entry.caller for entry in entries)

    assert on(azurite_connection, left) == (0, "")


@pytest.mark.azurite
def test_a_day_is_reconciled(run: Run, azurite_connection: str) -> None:
    assert run("reconcile", "--day", DAY)[0] == 0
    on(azurite_connection, lambda storage: storage.backend.container(RECORDINGS_CONTAINER).delete(PATH))
    code, shown = run("reconcile", "--day", DAY)
    assert (code, shown.splitlines()[0]) == (1, f"missing   {PATH}")
    assert json.loads(run("reconcile", "--day", DAY, "--json")[1])["findings"] == []


@pytest.mark.azurite
def test_what_is_wrong_usage(run: Run) -> None:
    with pytest.raises(ConfigurationError, match="eight digits"):
        run("list", "--day", "yesterday")
    with pytest.raises(ConfigurationError, match="--caller"):
        run("delete")
