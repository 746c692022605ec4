import gc

import pytest

from functions.cold_start import nothing_collected


@pytest.mark.parametrize("was_enabled", [True, False])
def test_nothing_is_collected_within_and_what_is_there_is_not_looked_at_again(was_enabled: bool) -> None:
    try:
        if not was_enabled:
            gc.disable()
        frozen = gc.get_freeze_count()
        with nothing_collected():
            assert not gc.isenabled()
            kept = [[]]  # type: ignore[var-annotated]
        assert gc.isenabled() is was_enabled
        assert gc.get_freeze_count() > frozen
        assert not any(each is kept for each in gc.get_objects())
    finally:
        gc.unfreeze()
        gc.enable()


def test_a_module_that_cannot_be_imported_leaves_the_collector_as_it_was() -> None:
    frozen = gc.get_freeze_count()
    with pytest.raises(ImportError), nothing_collected():
        raise ImportError
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
