import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dialtone.program import Program

NODE_BOT = Path(__file__).parents[3] / "bench" / "node"


def ready(pattern: str) -> Any:
    return lambda printed: found.groups() if (found := re.search(pattern, printed)) else None


@pytest.fixture(scope="module")
def node_bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a bot on the Node SDK. Its check of the platform's token is off: the simulator signs none."""
    node = shutil.which("node")
    if node is None and not os.environ.get("CI"):
        pytest.skip("node was not found: install Node.js 20 or newer to try the simulator on the Node calling SDK")
    assert node is not None, "node was not found"
    assert (NODE_BOT / "node_modules" / "botbuilder-calling").is_dir(), "the SDK is not installed: make setup"
    program = Program(
        "node",
        [node, "bot.js"],
        directory=NODE_BOT,
        log=tmp_path_factory.mktemp("node") / "log",
        environment={"AUTH": "off", "PORT": "0"},
        ready=ready(r"ready (\d+)\n"),
    )
    (port,) = program.start()
    yield f"http://127.0.0.1:{port}/api/menu"
    program.stop()
