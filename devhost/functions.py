"""What a worker and the host tell each other: the indexed functions and their invocations."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from azure.functions.meta import Datum

__all__ = ["Datum", "Function", "HostError", "InvocationFailed", "Worker"]


class HostError(Exception):
    """The app, its settings or the command line cannot be run; the message says what to change."""


class InvocationFailed(Exception):
    """A function raised, or returned what its binding cannot carry. The worker has logged the traceback."""


@dataclass(frozen=True)
class Function:
    """One indexed function: its name and its bindings as function.json has them."""

    name: str
    bindings: tuple[dict[str, Any], ...]

    @classmethod
    def from_raw(cls, name: str, raw_bindings: list[str]) -> "Function":
        """Build from the JSON texts of ``azure.functions.Function.get_raw_bindings``."""
        return cls(name, tuple(json.loads(binding) for binding in raw_bindings))

    @cached_property
    def trigger(self) -> dict[str, Any]:
        """The one trigger binding (azure.functions refuses none and two)."""
        return next(binding for binding in self.bindings if binding["type"].endswith("Trigger"))

    @cached_property
    def kind(self) -> str:
        """The trigger's type, such as ``httpTrigger``."""
        return str(self.trigger["type"])

    @cached_property
    def route(self) -> str:
        """The route template of an HTTP function; the function's name when none was given."""
        return self.trigger.get("route") or self.name

    @cached_property
    def methods(self) -> frozenset[str]:
        """The HTTP methods taken, upper case; empty means all."""
        return frozenset(method.upper() for method in self.trigger.get("methods") or ())

    @cached_property
    def http_output(self) -> str:
        """The name of the binding that carries the HTTP response, normally ``$return``."""
        return next((binding["name"] for binding in self.bindings if binding["type"] == "http"), "$return")


class Worker(Protocol):
    """Loads the function app and runs its functions."""

    name: str

    async def index(self) -> list[Function]:
        """Import ``function_app`` and return its functions.

        Raises HostError when Microsoft's worker would refuse the app.
        """

    async def invoke(self, function: Function, trigger: Datum) -> dict[str, Datum]:
        """Run one function with its trigger's datum; return its outputs by binding name.

        Raises InvocationFailed.
        """
