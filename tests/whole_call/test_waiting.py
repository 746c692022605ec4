"""A signal and a user's data over the real wire, with real storage."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.whole_call.line import Forward, House, Line, Rung, a_house

pytestmark = [pytest.mark.stack, pytest.mark.azurite]

SCRIPT = Path(__file__).parent / "pay.yaml"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the bot leaves the address of its signal."""
    return tmp_path_factory.mktemp("waiting") / "address"


@pytest.fixture(scope="module")
def waiting(address: Path) -> Iterator[House]:
    left = {"WAITING_ADDRESS": str(address)}
    with a_house(address.parent / "logs", bot="tests.whole_call.waiting:bot", environment=left) as there:
        yield there


def heard(rung: Rung) -> list[str]:
    return [event["text"] for event in rung.kind("heard") if event.get("text")]


def test_a_signal_reaches_the_dialog_and_its_data_outlives_the_call(waiting: House, address: Path) -> None:
    statuses: list[int] = []

    def pays_at_the_third(line: Line, number: int, forward: Forward) -> httpx.Response:
        if number == 2:
            url = address.read_text().replace(waiting.url, line.target)
            with httpx.Client(trust_env=False) as client:
                key = {"Idempotency-Key": f"payment-{len(statuses)}"}
                statuses.append(client.post(url, json={"euros": 12}, headers=key).status_code)
                statuses.append(client.post(url, json={"euros": 12}, headers=key).status_code)
                statuses.append(client.post(url.partition("?")[0], json={}).status_code)
        return forward()

    for number in (1, 2):
        rung = waiting.ring(pays_at_the_third, SCRIPT)
        assert rung.code == 0, rung.kind("verdict")
        assert heard(rung) == [f"This is call number {number}.", "You have paid 12 euros."]
    assert statuses == [202, 202, 401] * 2


def test_nobody_pays_and_the_host_is_killed_while_the_call_waits(waiting: House) -> None:
    def nasty(line: Line, number: int, forward: Forward) -> httpx.Response:
        if number == 2:
            waiting.restart_functions()
        return forward()

    rung = waiting.ring(nasty, SCRIPT)
    assert rung.code == 0, rung.kind("verdict")
    assert heard(rung)[-1] == "You have not paid."
    # 30 seconds of silence, 2 at a time, a callback for each; besides the call's first and the hang-up's.
    assert len(waiting.line.exchanges) == 17
