import socket

import pytest

from tests.fakes import ROOT
from tests.infra.bicep import Templates


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def infra() -> Templates:
    """The templates of the repository."""
    return Templates(ROOT / "infra")
