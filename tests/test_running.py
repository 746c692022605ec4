"""stack.json: the running stack, as other commands find it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dialtone import running
from dialtone.errors import ConfigurationError
from dialtone.stack import DEFAULT_BOT, Stack
from tests.fakes import make_app


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack whose addresses are set, as if it had started."""
    stack = Stack(make_app(tmp_path))
    stack.home.mkdir()
    stack.functions_url = "http://127.0.0.1:1"
    stack.calls_url = "http://127.0.0.1:1/api/calls"
    stack.worker_url = "http://127.0.0.1:2"
    stack.simulator_url = "http://127.0.0.1:3"
    stack.connection = "AccountName=a;AccountKey=secret"
    return stack


def test_a_published_stack_is_found_while_it_runs(stack: Stack) -> None:
    path = stack.home / "stack.json"
    assert running.find(stack.app_dir) is None
    with running.published(stack) as published:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert running.find(stack.app_dir) == published
        assert published.pid == os.getpid()
        assert published.storage == stack.connection
        with pytest.raises(ConfigurationError, match="already running"):
            running.refuse_second(stack.app_dir)
    assert list(stack.home.iterdir()) == []
    running.refuse_second(stack.app_dir)


def test_the_bot_that_runs_has_the_scripts_of_its_own_calls(stack: Stack) -> None:
    stack.bot = "bots.survey:bot"
    app, calls = stack.app_dir, stack.calls_url
    assert running.bot_at(app, calls, DEFAULT_BOT) == DEFAULT_BOT
    with running.published(stack):
        assert running.bot_at(app, calls, DEFAULT_BOT) == "bots.survey:bot"
        assert running.bot_at(app, calls, "bots.hello:bot") == "bots.hello:bot"
        assert {running.bot_at(app, other, DEFAULT_BOT) for other in (None, "http://127.0.0.1:9/")} == {DEFAULT_BOT}


def test_the_file_of_a_stack_that_has_gone_counts_as_absent(stack: Stack) -> None:
    path = stack.home / "stack.json"
    with running.published(stack):
        document = json.loads(path.read_text())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path.write_text(json.dumps(document | {"pid": ended.pid}))
    assert running.find(stack.app_dir) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1, "more": 2}'])
def test_a_file_that_cannot_be_read_counts_as_absent(stack: Stack, text: str) -> None:
    (stack.home / "stack.json").write_text(text)
    assert running.find(stack.app_dir) is None
