"""The package that is deployed: what is in it, and that it answers a call from where it is unzipped."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.package import CLOUD_ROOT, PACKAGES, PYTHON, left
from tests.devhost.conftest import RunningHost, running, runtime_python
from tests.fakes import COMMAND, ROOT, environment
from tests.functions.app import functions
from tests.test_packaging import DEPLOYED

__all__ = ["runtime_python"]

# What the host brings to the package: Microsoft's worker library, and devhost with what it needs.
HOST = ("azure_functions_runtime", "azurefunctions", "click", "h11", "httptools", "uvicorn", "uvloop")


def ignoring(folder: Path, *patterns: str) -> set[str]:
    (folder / ".funcignore").write_text("# a comment\n\n" + "\n".join(patterns))
    return {path.as_posix() for path in left(folder)}


def test_funcignore_is_read_as_names(tmp_path: Path) -> None:
    for name in ("a.py", "b.md", "docs/c.py", "kit/docs/d.py", "kit/e.py", "kit/e.pyc", "build", "kit/.env.local"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = ignoring(tmp_path, "*.md", "*.pyc", "docs/", ".env*", ".funcignore", "build/")
    assert found == {"a.py", "kit/e.py", "build"}


@pytest.mark.parametrize("pattern", ["!keep.py", "docs/drafts", "docs/drafts/"])
def test_what_is_not_understood_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ValueError, match=r"only names"):
        ignoring(tmp_path, pattern)


def test_the_runtime_is_that_of_the_template() -> None:
    version = ".".join(map(str, PYTHON))
    assert f"runtime: {{ name: 'python', version: '{version}' }}" in (ROOT / "infra/functions.bicep").read_text()


def test_another_python_is_refused(tmp_path: Path) -> None:
    if sys.version_info[:2] == PYTHON:
        pytest.skip("this is the cloud's Python")
    command = [sys.executable, "-m", "scripts.package", "--output", str(tmp_path / "functions.zip")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the cloud runs 3.13" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="session")
def package(runtime_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built as `make package` does."""
    output = tmp_path_factory.mktemp("package") / "functions.zip"
    command = [runtime_python, "-m", "scripts.package", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"functions\.zip: [\d.]+ MB, \d+ files, [\d.]+ MB unzipped; ", done.stdout)
    return output


@pytest.fixture(scope="session")
def unzipped(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wwwroot")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.runtime
def test_what_is_in_the_package(unzipped: Path) -> None:
    top = {path.name for path in unzipped.iterdir()}
    assert top == DEPLOYED | {".python_packages", "__pycache__"}
    packages = {path.name for path in (unzipped / PACKAGES).iterdir()}
    assert {"azure", "aiohttp", "cryptography", "pydantic", "jwt"} <= packages
    assert not {"dialtone", "pytest", "typer", "av", "bin", "azure_functions_runtime"} & packages
    libraries = [path.name for path in (unzipped / PACKAGES).rglob("*.so")]
    assert libraries
    assert all(re.search(r"(cpython-313-x86_64-linux-gnu|\.abi3)\.so$", name) for name in libraries)


@pytest.mark.runtime
def test_byte_code_outlives_unzipping(unzipped: Path) -> None:
    sources = [path for path in unzipped.rglob("*.py") if path.stat().st_size]
    assert len(sources) > 500
    for source in sources:
        code = (source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc").read_bytes()
        # PEP 552: bit 0, it is found by a hash; bit 1, that hash is compared with the source at import.
        assert int.from_bytes(code[4:8], "little") == 0b01, source
    own = (unzipped / "functions/__pycache__/calls.cpython-313.pyc").read_bytes()
    assert f"{CLOUD_ROOT}/functions/calls.py".encode() in own


@pytest.fixture
def host(
    unzipped: Path, runtime_python: str, tmp_path: Path, azurite_connection: str, unused_tcp_port: int
) -> Iterator[RunningHost]:
    """The unzipped package in Microsoft's worker library, with nothing else of this repository but devhost."""
    found = subprocess.run(
        [runtime_python, "-c", "import uvicorn; print(uvicorn.__file__)"], capture_output=True, text=True, check=True
    )
    site = Path(found.stdout.strip()).parents[1]
    tools = tmp_path / "host"
    tools.mkdir()
    for name in HOST:
        (tools / name).symlink_to(site / name)
    (tools / "devhost").symlink_to(ROOT / "devhost")
    path = os.pathsep.join(map(str, (unzipped, unzipped / PACKAGES, tools)))
    # -S leaves the packages of the environment out, -P the folder that this starts in.
    command = [runtime_python, "-S", "-P", "-m", "devhost", "--app-dir", str(unzipped), "--worker", "runtime"]
    settings = {
        "DIALTONE_BOT": "bots.reception:bot",
        "DIALTONE_PUBLIC_URL": f"http://127.0.0.1:{unused_tcp_port}",
        "DIALTONE_AUTH": "loopback",
        "DIALTONE_APPSTATE_KEY": "A" * 43 + "=",
        "DIALTONE_STORAGE": azurite_connection,
    }
    with running([*command, "--port", str(unused_tcp_port)], tmp_path, PYTHONPATH=path, **settings) as host:
        yield host


@pytest.mark.runtime
@pytest.mark.azurite
def test_the_unzipped_package_is_indexed_and_answers_a_call(host: RunningHost, azurite_connection: str) -> None:
    names = {each["name"] for each in host.client.get("/admin/functions").json()}
    assert names == set(functions())
    assert host.client.get("/admin/host/status").json()["worker"] == "runtime"
    assert host.client.get("/api/health").json()["status"] == "ok"

    done = subprocess.run(
        [*COMMAND, "call", "--bot", f"{host.url}/api/calls", "--json"],
        cwd=ROOT,
        env=environment(DIALTONE_STORAGE=azurite_connection),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + host.log
    call = json.loads(done.stdout)
    assert call["verdict"] == {"ok": True, "reasons": []}
    assert [recording["format"] for recording in call["stored"]["recordings"]]
