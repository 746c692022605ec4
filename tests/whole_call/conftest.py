from collections.abc import Iterator

import pytest

from tests.whole_call.line import House, a_house


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The project's own bot."""
    with a_house(tmp_path_factory.mktemp("logs")) as there:
        yield there
