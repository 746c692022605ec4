from pathlib import Path

import pytest

from tests.azurite import azurite, azurite_connection

__all__ = ["azurite", "azurite_connection"]

PROGRAMS = ("whole_call", "browser", "test_cli", "test_lab_commands", "test_tutorial", "test_howto", "test_package")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first whose tests start whole programs: one that is begun last keeps all others waiting."""
    items.sort(key=lambda item: not any(part.removesuffix(".py") in PROGRAMS for part in Path(item.path).parts))
