"""What is installed and what is deployed: the lists agree, hold no address, and what is deployed runs alone."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dialtone
from functions.settings import Settings
from scripts.package import left as files_left
from tests.fakes import ROOT, environment

PYTHONS = ("3.11", "3.12", "3.13")
DEPLOYED = {"bots", "dialtone", "function_app.py", "functions", "host.json", "requirements.txt"}


def project() -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return document


def lockfiles() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name != "node_modules" and not name.startswith(".")]
        found += [Path(folder, name) for name in files if name == "package-lock.json"]
    return found


LOCKFILES = lockfiles()


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins(name: str, python: str) -> dict[str, str]:
    """The versions that a list pins for a version of Python."""
    found: dict[str, str] = {}
    for requirement in map(Requirement, lines(name)):
        if applies(requirement, python):
            (specifier,) = requirement.specifier
            assert specifier.operator == "=="
            key = canonicalize_name(requirement.name)
            assert key not in found
            found[key] = specifier.version
    return found


def applies(requirement: Requirement, python: str) -> bool:
    where = {"python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(where)


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_deployed_is_what_the_project_depends_on(python: str) -> None:
    wanted = list(map(Requirement, project()["dependencies"]))
    deployed = pins("requirements.txt", python)
    assert set(deployed) == {canonicalize_name(requirement.name) for requirement in wanted}
    for requirement in wanted:
        assert requirement.specifier.contains(deployed[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_pin_all_that_the_project_names(python: str) -> None:
    constraints = pins("constraints.txt", python)
    for name in ("requirements.txt", "media_worker/requirements.txt"):
        assert pins(name, python).items() <= constraints.items()
    for texts in [project()["dependencies"], *project()["optional-dependencies"].values()]:
        for requirement in map(Requirement, texts):
            if requirement.name != "dialtone" and applies(requirement, python):
                assert requirement.specifier.contains(constraints[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("name", ["requirements.txt", "constraints.txt", "media_worker/requirements.txt"])
def test_lists_hold_requirements_only(name: str) -> None:
    for line in lines(name):
        assert Requirement(line).url is None
        assert not line.startswith("-")


@pytest.mark.parametrize("lockfile", LOCKFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_lockfiles_hold_no_address_of_a_download(lockfile: Path) -> None:
    packages = json.loads(lockfile.read_text())["packages"]
    assert len(packages) > 1
    for name, package in packages.items():
        if package.get("link"):
            assert (lockfile.parent / package["resolved"]).is_dir()
        else:
            assert "resolved" not in package
            assert "node_modules/" not in name or package["integrity"].startswith("sha512-")


def test_there_are_lockfiles() -> None:
    assert ROOT / "package-lock.json" in LOCKFILES


def test_the_version_is_said_once_in_two_places() -> None:
    assert project()["version"] == dialtone.__version__


def test_the_sample_settings_run_the_functions() -> None:
    values = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    key = base64.b64encode(bytes(32)).decode()
    assert values["DIALTONE_APPSTATE_KEY"] == values["DIALTONE_TICKET_KEY"] == ""
    settings = Settings.from_environment(values | {"DIALTONE_APPSTATE_KEY": key})
    assert (settings.bot, settings.auth, settings.sweep_after) == ("bots.reception:bot", "loopback", 900)


def test_the_host_settings() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    assert host["version"] == "2.0"
    assert host["extensions"]["http"]["routePrefix"] == "api"
    assert re.fullmatch(r"00:\d\d:\d\d", host["functionTimeout"])


def deployed() -> set[str]:
    """The tracked entries of the root that .funcignore lets through."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    entries = {line.split("/")[0] for line in tracked.splitlines()}
    patterns = [pattern.rstrip("/") for pattern in lines(".funcignore")]
    return {entry for entry in entries if not any(fnmatch(entry, pattern) for pattern in patterns)}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository, to know what is tracked")
def test_what_is_deployed_is_what_the_functions_need() -> None:
    assert deployed() == DEPLOYED


def test_the_console_s_pages_are_deployed() -> None:
    pages = {path.name for path in (ROOT / "functions" / "pages").iterdir()}
    left = {path.name for path in files_left(ROOT) if path.parts[:2] == ("functions", "pages")}
    assert left == pages >= {"console.html", "console.css", "main.js"}


ABSENT = {"av", "devhost", "espeakng_loader", "httpx", "media_worker", "numpy", "rich", "simulator", "typer", "yaml"}
ALONE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"{{name}} is not deployed", name=name)
sys.meta_path.insert(0, Absent())
import dialtone, function_app
from dialtone.loading import load_bot
load_bot("bots.reception:bot")
print(dialtone.__file__)
print(sorted(function.get_function_name() for function in function_app.app.get_functions()))
"""


def test_what_is_deployed_runs_alone(tmp_path: Path) -> None:
    for name in DEPLOYED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", ALONE.format(absent=ABSENT)],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    where, names = done.stdout.splitlines()
    assert Path(where).is_relative_to(tmp_path)
    assert "'calls'" in names
