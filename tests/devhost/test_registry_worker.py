import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.devhost import bad_apps
from tests.devhost.conftest import ROOT

NAMED = {
    "no app": "exactly one FunctionApp at its top level, not 0",
    "two apps": "exactly one FunctionApp at its top level, not 2",
    "same name twice": "does not have a unique function name",
    "other parameter name": "function f: parameters ['request'] are not the bindings ['req']",
    "one parameter too many": "function f: parameters ['req', 'store'] are not the bindings ['req']",
    "no wraps": "function g: parameters ['a', 'k'] are not the bindings ['req']",
    "wrong trigger annotation": "function f: parameter req: the annotation",
    "wrong context annotation": "function f: parameter context must be azure.functions.Context",
    "returns dict": "function f: the return annotation <class 'dict'> does not fit the binding http",
    "does not import": "no_such_module",
}


def load_all(python: str, worker: str, folder: Path) -> dict[str, str | None]:
    """Load every app in another process: azure.functions and the worker library keep state."""
    answer = subprocess.run(
        [python, "-m", "tests.devhost.bad_apps", worker, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    results: dict[str, str | None] = json.loads(answer.stdout.splitlines()[-1])
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    return load_all(sys.executable, "registry", tmp_path_factory.mktemp("apps"))


@pytest.mark.parametrize("name", bad_apps.TAKEN)
def test_what_is_sound_is_taken(results: dict[str, str | None], name: str) -> None:
    assert results[name] is None


@pytest.mark.parametrize("name", bad_apps.REFUSED)
def test_what_azure_would_not_load_is_refused(results: dict[str, str | None], name: str) -> None:
    assert results[name]


@pytest.mark.parametrize(("name", "text"), NAMED.items())
def test_a_refusal_names_what_to_change(results: dict[str, str | None], name: str, text: str) -> None:
    assert text in str(results[name])


@pytest.mark.runtime
def test_microsofts_worker_takes_and_refuses_the_same(
    results: dict[str, str | None], runtime_python: str, tmp_path: Path
) -> None:
    theirs = load_all(runtime_python, "runtime", tmp_path)
    assert {name for name, why in theirs.items() if why} == {name for name, why in results.items() if why}
