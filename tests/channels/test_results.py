import pytest

from dialtone.channels.results import ENDINGS, MEANINGS, Result

DOCUMENTED = (
    *(0, 7500, 7501, 7502, 7504, 7507, 7509, 9001, 9002, 9003, 9998, 9999),
    *(8500, 8501, *range(8508, 8517), 8519, 8520, 8522, 8523, *range(8528, 8546), 8547, 8553, 8559, 8563, 8564, 8565),
    *(*range(8567, 8573), *range(8578, 8584), 8585, 8586, 8587, 8589, 8603, 8604, 8605, 8609, 8610),
)


def test_what_microsoft_documents_has_a_cause() -> None:
    assert set(DOCUMENTED) == MEANINGS.keys()
    assert all(meaning.reason and meaning.cause for meaning in (*MEANINGS.values(), *ENDINGS.values()))


@pytest.mark.parametrize(
    ("code", "sub_code", "reason"),
    [
        (405, 8522, "not_set_up"),
        (404, 8522, "not_found"),
        (508, 0, "loop"),
        (603, 0, "declined"),
        (487, 0, "caller_canceled"),
        (487, 10_004, "ring_timeout"),
        (0, 560_000, "remote_hang_up"),
        (200, 0, "success"),
        (500, 0, "unknown"),
        (400, 1, "unknown"),
        (500, 9999, "internal"),
    ],
)
def test_a_result_is_told_by_its_numbers(code: int, sub_code: int, reason: str) -> None:
    assert Result(code, sub_code, "no matter what").meaning.reason == reason
    assert f"{code}/{sub_code} {reason}" in Result(code, sub_code).told()
