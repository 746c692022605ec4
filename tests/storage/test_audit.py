import pytest

from dialtone.storage import AUDIT_TABLE, AuditLog, Storage


async def test_deeds_are_added_and_read_back(storage: Storage) -> None:
    now = 1_700_000_000.0
    audit = AuditLog(storage.backend.table(AUDIT_TABLE), lambda: now)
    deeds = [await audit.write("ann@contoso.test", "recording.download", f"path-{n}", ip="10.0.0.1") for n in range(3)]
    now += 10
    last = await audit.write("bob@contoso.test", "prompt.rollback", "welcome", version=3, note="ü")
    found = await audit.of_day("20231114")
    assert found[0] == last
    assert sorted(found[1:], key=lambda deed: deed.target) == deeds
    assert dict(last.detail) == {"version": 3, "note": "ü"}
    assert await audit.of_day("20231114", limit=1, after=found[0].id) == [found[1]]
    assert await audit.of_day("20231115") == []


async def test_what_is_no_deed(storage: Storage) -> None:
    with pytest.raises(ValueError, match="somebody"):
        await storage.audit.write("", "recording.download")
    with pytest.raises(ValueError, match="characters"):
        await storage.audit.write("ann", "prompt.put", text="x" * 20_000)


def test_nothing_changes_or_removes_a_deed() -> None:
    assert {name for name in vars(AuditLog) if not name.startswith("_")} == {"write", "of_day"}
