"""The vectors of the Skype Calling contract about tokens, over the function itself and an issuer on this machine."""

import time
from typing import Any

import pytest

from tests.compliance.test_skype_vectors import BY_ID
from tests.functions.issuer import Issuer, bearer
from tests.functions.test_verify import Use, issuer, post, use

__all__ = ["issuer", "use"]

AUTH = sorted(number for number, case in BY_ID.items() if case["area"] == "auth")


def header(given: dict[str, Any]) -> str | None:
    """The header that a vector describes; what it leaves out is as the issuer would have it."""
    if "header" in given:
        return given["header"]  # type: ignore[no-any-return]
    changes: dict[str, Any] = {name: value for name, value in given.items() if name in ("aud", "iss")}
    if number := given.get("exp"):
        changes["exp"] = int(time.time()) + int(number)
    as_it_is = ("app id", "issuer of the metadata document")
    return bearer(**{name: value for name, value in changes.items() if value not in as_it_is})


@pytest.mark.parametrize("number", AUTH)
async def test_auth(issuer: Issuer, use: Use, number: str) -> None:
    case = BY_ID[number]
    # S06 tells of two libraries: one that allows no skew of the clocks, and one that allows 300 seconds.
    strict = 403 if number == "S06" else case["expect"]["status"]
    for skew, expected in (("0", strict), ("300", 200 if number == "S06" else strict)):
        use(DIALTONE_AUTH="jwt", DIALTONE_JWT_SKEW=skew)
        status, _, _ = await post(Authorization=header(case["input"]))
        assert status == expected, f"{case['title']}, skew {skew} s"


def test_there_are_six() -> None:
    assert AUTH == ["S01", "S02", "S03", "S04", "S05", "S06"]
