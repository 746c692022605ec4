"""What an answer accepts."""

import pytest

from dialtone.protocol import Answer, ModalityType


@pytest.mark.parametrize("given", [None, []])
def test_an_answer_without_modalities_accepts_audio(given: list[ModalityType] | None) -> None:
    assert Answer(operation_id="a", accept_modality_types=given).accepted == [ModalityType.AUDIO]


def test_an_answer_accepts_what_it_names() -> None:
    both = [ModalityType.VIDEO, ModalityType.AUDIO]
    assert Answer(operation_id="a", accept_modality_types=both).accepted == both
