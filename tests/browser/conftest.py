from collections.abc import Iterator
from pathlib import Path

import pytest

from dialtone.stack import Stack
from tests.browser.chromium import microphone
from tests.fakes import ROOT


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The reception as `make run` has it, on free ports, storage in memory."""
    logs = tmp_path_factory.mktemp("logs")
    with Stack(ROOT, host="devhost", usual_ports=False, logs=logs) as running:
        yield running


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    return microphone(tmp_path)
