from collections.abc import Iterator

import pytest

from dialtone.stack import Stack
from tests.whole_call.line import ROOT, House, Line, proxy


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The whole stack as programs, on free ports, storage in memory; the platform reaches it through the line."""
    line = Line("")
    with proxy(line) as url:
        stack = Stack(
            ROOT,
            host="devhost",
            simulator=False,
            usual_ports=False,
            environment={"DIALTONE_PUBLIC_URL": url},
            logs=tmp_path_factory.mktemp("logs"),
        )
        with stack:
            line.target = stack.functions_url
            yield House(stack, line, url)
