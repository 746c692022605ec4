import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.functions import HostError
from devhost.settings import load_local_settings, load_route_prefix, resolve


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    monkeypatch.delenv("AZURE_FUNCTIONS_ENVIRONMENT", raising=False)
    yield
    os.environ.clear()
    os.environ.update(before)


def write(folder: Path, name: str, document: object) -> Path:
    (folder / name).write_text(json.dumps(document))
    return folder


def test_values_become_environment_variables_and_a_set_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVHOST_SET", "mine")
    load_local_settings(
        write(tmp_path, "local.settings.json", {"Values": {"DEVHOST_SET": "file", "DEVHOST_NEW": "file"}})
    )
    assert (os.environ["DEVHOST_SET"], os.environ["DEVHOST_NEW"]) == ("mine", "file")


def test_without_a_file_only_the_environments_name_is_set(tmp_path: Path) -> None:
    before = dict(os.environ)
    load_local_settings(tmp_path)
    assert dict(os.environ) == {**before, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"Values": {"PORT": 7071}}, "PORT must be a string, not int"),
        ({"Values": ["PORT"]}, "Values must be"),
        ({"IsEncrypted": True, "Values": {}}, "encrypted"),
        (["Values"], "must hold a JSON object"),
    ],
)
def test_bad_local_settings_are_named(tmp_path: Path, document: object, named: str) -> None:
    with pytest.raises(HostError, match=named):
        load_local_settings(write(tmp_path, "local.settings.json", document))


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("{")
    with pytest.raises(HostError, match=r"host\.json is not valid JSON"):
        load_route_prefix(tmp_path)


@pytest.mark.parametrize(
    ("document", "prefix"),
    [
        ({"version": "2.0"}, "api"),
        ({"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}, ""),
        ({"version": "2.0", "extensions": {"http": {"routePrefix": "/v1/calls/"}}}, "v1/calls"),
    ],
)
def test_the_route_prefix(tmp_path: Path, document: object, prefix: str) -> None:
    assert load_route_prefix(write(tmp_path, "host.json", document)) == prefix


def test_the_route_prefix_without_a_host_json(tmp_path: Path) -> None:
    assert load_route_prefix(tmp_path) == "api"


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"version": "1.0"}, "version must be"),
        ({"version": "2.0", "extensions": {"http": {"routePrefix": None}}}, "routePrefix must be a string"),
        ({"version": "2.0", "extensions": []}, "extensions must be an object"),
    ],
)
def test_a_bad_host_json_is_named(tmp_path: Path, document: object, named: str) -> None:
    with pytest.raises(HostError, match=named):
        load_route_prefix(write(tmp_path, "host.json", document))


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("\ufeff{}", encoding="utf-8")
    assert load_route_prefix(tmp_path) == "api"


def test_app_settings_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVHOST_SCHEDULE", "0 * * * * *")
    assert resolve("%DEVHOST_SCHEDULE%") == "0 * * * * *"
    with pytest.raises(HostError, match="DEVHOST_ABSENT, which is not set"):
        resolve("%DEVHOST_ABSENT%")
