"""The tutorial is executed line by line in a fresh copy of the tree: every command, every file, every output."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.azurite import find_azurite
from tests.fakes import environment
from tests.pages import DOCS, ROOT, Block, blocks, is_shown

PAGE = DOCS / "tutorial.md"
SECONDS = 120
USUAL = "http://127.0.0.1:7071"
"""Where the page's stack listens, unless something else does."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree as it is, with what `make setup` has installed."""
    folder = tmp_path / "dialtone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for installed in ("node_modules", "bench/node/node_modules"):
        if (ROOT / installed).is_dir():
            (folder / installed).symlink_to(ROOT / installed)
    (folder / ".venv").symlink_to(sys.prefix)
    # Where something is out of date, make would install into the environment that this test runs in.
    for stamp, sources in {
        ".venv/.setup": ("pyproject.toml", "constraints.txt"),
        "node_modules/.setup": ("./package.json", "./package-lock.json"),
        "bench/node/node_modules/.setup": ("bench/node/package.json", "bench/node/package-lock.json"),
    }.items():
        if (folder / stamp).exists():
            sums = subprocess.run(["cksum", *sources], cwd=folder, capture_output=True, text=True, check=True)
            assert (folder / stamp).read_text() == sums.stdout, "run `make setup` first"
    return folder


class Terminal:
    """Runs the page's commands; what it has sourced stays sourced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = USUAL
        self._environment = environment()
        self._sourced = ""

    def run(self, block: Block) -> str:
        """The output of a block's commands, each of which must succeed; or fail, if the block says so."""
        if block.text.startswith("source "):
            self._sourced += block.text
        done = subprocess.run(
            self._bash(block),
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == (1 if block.info == "fails" else 0), f"{block.text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def keep(self, block: Block, shown: Block) -> Iterator[None]:
        """Run a command until the page ends; wait until it has said what is shown."""
        with (self.folder / "kept").open("w") as output:
            process = subprocess.Popen(
                self._bash(block),
                cwd=self.folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait(process, shown)
            running = json.loads((self.folder / ".dialtone" / "stack.json").read_text())
            self.address = running["functions"]
            yield
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=SECONDS)

    def _wait(self, process: "subprocess.Popen[bytes]", shown: Block) -> None:
        first, deadline = shown.text.splitlines()[0], time.monotonic() + SECONDS
        while first not in (said := (self.folder / "kept").read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)

    def _bash(self, block: Block) -> list[str]:
        return ["bash", "-euo", "pipefail", "-c", self._sourced + block.text.replace(USUAL, self.address)]


def check(folder: Path, file: str) -> None:
    """What the page has a newcomer write is as `make check` wants it."""
    for verb in ("check", "format"):
        command = [sys.executable, "-m", "ruff", verb, "--diff", file]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{file}\n{done.stdout}"


@pytest.mark.stack
@pytest.mark.azurite
def test_the_tutorial(copy: Path) -> None:
    find_azurite()
    terminal, output, ran = Terminal(copy), "", []
    page = blocks(PAGE)
    with ExitStack() as until_the_end:
        for block, following in zip(page, [*page[1:], None], strict=True):
            if block.language == "sh" and block.info == "keep":
                assert following is not None
                until_the_end.enter_context(terminal.keep(block, following))
                output = following.text
            elif block.language == "sh":
                output = terminal.run(block)
            elif block.language in ("text", "mermaid"):
                assert is_shown(block.text, output), f"line {block.line} shows something else than\n{output}"
            else:
                assert block.info, f"the block in line {block.line} is of no file"
                (copy / block.info).write_text(block.text, encoding="utf-8")
                # Code that is replaced within a second would be taken for that of which there is bytecode.
                os.utime(copy / block.info, (block.line + time.time(),) * 2)
                if block.language == "python":
                    check(copy, block.info)
            ran.append(block.language)
    assert {"sh", "text", "python", "yaml", "mermaid"} <= set(ran)
