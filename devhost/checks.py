"""What only a host refuses: a worker would load such an app, the cloud would not run it.

Rules (azure-functions-host: ScriptHost.ValidateFunction, Utility name rule):
1. There is at least one function.
2. A function's name is a letter and up to 127 letters, digits, ``_`` or ``-``; ``host`` is taken; case does not count.
3. A route does not begin with ``admin`` or ``runtime``.
4. Two functions with the same route have no method in common.
5. A timer's schedule is NCRONTAB.
Beyond these, a binding that devhost cannot serve is refused, so that nothing is silently never triggered.
"""

import re
from collections.abc import Sequence

from .functions import Function, HostError
from .routes import RouteTable
from .timers import read_schedule

SUPPORTED = ("httpTrigger", "http", "timerTrigger", "eventGridTrigger")


def check_functions(functions: Sequence[Function], prefix: str) -> RouteTable:
    """Return the app's routes. Raises HostError naming the function and what to change."""
    if not functions:
        raise HostError("no functions found in function_app.py: decorate one, or register its blueprint")
    names: set[str] = set()
    for function in functions:
        check_bindings(function)
        if function.name.lower() in names:
            raise HostError(f"two functions are named {function.name}, whatever the case")
        names.add(function.name.lower())
        if not re.fullmatch(r"(?!host$)[a-z][a-z0-9_-]{0,127}", function.name, re.IGNORECASE | re.ASCII):
            raise HostError(f"{function.name!r} is not a valid function name: a letter, then letters, digits, _ or -")
        if function.kind == "timerTrigger":
            read_schedule(function)
    table = RouteTable(functions, prefix)
    seen: list[Function] = []
    for function in (route.function for route in table.routes):
        if function.route.strip("/").lower().startswith(("admin", "runtime")):
            raise HostError(f"function {function.name}: route {function.route!r} is reserved for the host")
        for other in seen:
            if other.route.strip("/").lower() == function.route.strip("/").lower() and (
                not other.methods or not function.methods or other.methods & function.methods
            ):
                raise HostError(f"functions {other.name} and {function.name} share the route {function.route!r}")
        seen.append(function)
    return table


def check_bindings(function: Function) -> None:
    """Raise HostError for a trigger or binding that devhost does not serve."""
    for binding in function.bindings:
        if binding["type"] not in SUPPORTED:
            raise HostError(
                f"function {function.name}: devhost does not serve the binding {binding['type']} "
                f"({binding['name']}), only {', '.join(SUPPORTED)}: run it with func start"
            )
