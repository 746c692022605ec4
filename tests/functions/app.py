"""The functions of the app by name; an app gives them only once."""

from functools import cache
from typing import Any

import function_app


@cache
def functions() -> dict[str, Any]:
    return {str(found.get_function_name()): found for found in function_app.app.get_functions()}


def handler(name: str) -> Any:
    """What the host calls for a function."""
    return functions()[name].get_user_function()
