"""A short fuzz of every target; `make fuzz` is the long one."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.fuzz_parsers import MAX_BYTES, SHARES, by_hypothesis, run
from tests.fuzz.targets import Targets, opened


@pytest.fixture(scope="module")
def targets() -> Iterator[Targets]:
    with opened() as found:
        yield found


@pytest.mark.parametrize("name", SHARES)
def test_any_bytes_are_well_answered(targets: Targets, name: str) -> None:
    # A post of Graph is a whole call that is answered.
    @settings(max_examples=100 if name == "graph" else 400, deadline=None)
    @given(st.binary(max_size=MAX_BYTES))
    def answered(data: bytes) -> None:
        targets.by_name[name](data)

    answered()


def test_every_target_has_its_share(targets: Targets) -> None:
    assert targets.by_name.keys() == SHARES.keys()
    assert sum(SHARES.values()) == pytest.approx(1)


def test_valid_requests_are_taken(targets: Targets) -> None:
    """So that what is fuzzed is not refused for a reason that has nothing to do with it."""
    statuses = [targets.post(number).status_code for number in range(6)]
    assert statuses == [200, 200, 200, 200, 202, 202]


def test_a_finding_is_told_with_its_bytes() -> None:
    def target(data: bytes) -> None:
        assert len(data) < 3, "too long"

    with pytest.raises(AssertionError) as caught:
        by_hypothesis(target, 1)
    assert caught.value.__notes__[0] == "--bytes 000000"


def test_bytes_are_run_again() -> None:
    assert run(["--target", "app_state", "--bytes", "00"]) == 0
