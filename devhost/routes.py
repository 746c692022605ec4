"""Route templates, as ASP.NET Core routing has them for Azure Functions.

Rules (ASP.NET Core "Routing", Azure Functions "HTTP trigger", azure-functions-host route order):
1. ``{name}`` is one segment, ``{name?}`` and ``{name=value}`` may be missing at the end, ``{*name}`` is the rest.
2. ``{name:constraint}`` narrows a parameter; several constraints may follow each other.
3. Matching ignores case and one trailing slash; a parameter's value is percent-decoded, but for ``%2F``.
4. The first function in alphabetical order whose method and template match takes the request: a literal template
   has no precedence over a parameter.
"""

import re
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from urllib.parse import unquote

from .functions import Function, HostError

_PARAMETER = re.compile(
    r"\{(?P<star>\*{0,2})(?P<name>[^{}/:=?*]+)"
    r"(?P<constraints>(?::[a-z]+(?:\((?:[^(){}]|\{\{|\}\}|\([^()]*\))*\))?)*)"
    r"(?:=(?P<default>[^{}?]*))?(?P<optional>\??)\}",
    re.IGNORECASE,
)
_CONSTRAINT = re.compile(r":([a-zA-Z]+)(?:\(((?:[^()]|\([^()]*\))*)\))?")


def _is_int(value: str, limit: int = 2**63) -> bool:
    return re.fullmatch(r"[+-]?[0-9]{1,19}", value) is not None and -limit <= int(value) < limit


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return check


_CONSTRAINTS: dict[str, Callable[..., bool]] = {
    "int": lambda value: _is_int(value, 2**31),
    "long": lambda value: _is_int(value),
    "bool": lambda value: value.lower() in ("true", "false"),
    "guid": _parses(uuid.UUID),
    "decimal": _parses(float),
    "double": _parses(float),
    "float": _parses(float),
    "datetime": _parses(datetime.fromisoformat),
    "alpha": lambda value: re.fullmatch("[a-zA-Z]*", value) is not None,
    "required": lambda value: value != "",
    "length": lambda value, low, high=None: low <= len(value) <= (low if high is None else high),
    "minlength": lambda value, low: len(value) >= low,
    "maxlength": lambda value, high: len(value) <= high,
    "min": lambda value, low: _is_int(value) and int(value) >= low,
    "max": lambda value, high: _is_int(value) and int(value) <= high,
    "range": lambda value, low, high: _is_int(value) and low <= int(value) <= high,
}


class Route:
    """One HTTP function's compiled template, prefix included.

    Raises HostError when the template is malformed or names an unknown constraint.
    """

    def __init__(self, function: Function, prefix: str = "") -> None:
        self.function = function
        self.template = f"{prefix}/{function.route}" if prefix else function.route
        self._parameters: list[tuple[str, str | None, list[Callable[[str], bool]]]] = []
        pattern, may_be_missing = "", True
        for index, segment in enumerate(reversed(self.template.removesuffix("/").split("/"))):
            part, may_be_missing = self._segment(segment, index == 0, may_be_missing)
            pattern = part + pattern
        self._regex = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        names = [name.lower() for name, _, _ in self._parameters]
        if len(names) != len(set(names)):
            raise self._error("a parameter appears twice")

    def match(self, path: str) -> dict[str, str] | None:
        """Return the parameters found in a decoded path without trailing slash; None if it does not match."""
        match = self._regex.fullmatch(path)
        if match is None:
            return None
        values = {}
        for (name, default, constraints), found in zip(self._parameters, match.groups(), strict=True):
            value = found or default
            if value:
                if not all(allows(value) for allows in constraints):
                    return None
                values[name] = value
        return values

    def _segment(self, text: str, last: bool, may_be_missing: bool) -> tuple[str, bool]:
        """Compile one segment (they come last first) and say whether it may be missing."""
        found = list(_PARAMETER.finditer(text))
        if not text or re.search("[{}]", _PARAMETER.sub("", text)):
            raise self._error(f"segment {text!r} is malformed")
        self._parameters[:0] = [
            (
                match["name"],
                match["default"],
                [self._constraint(*each) for each in _CONSTRAINT.findall(match["constraints"])],
            )
            for match in found
        ]
        if len(found) != 1 or found[0][0] != text:
            if any(match["star"] or match["optional"] for match in found):
                raise self._error(f"an optional or catch-all parameter must fill its segment, not {text!r}")
            literals = _PARAMETER.sub("/", text).split("/")
            return "/" + "([^/]+)".join(map(re.escape, literals)), False
        (match,) = found
        if match["star"]:
            if not last:
                raise self._error(f"the catch-all {text!r} must be the last segment")
            return "(?:/(.*))?", True
        missing = may_be_missing and (match["optional"] != "" or match["default"] is not None)
        return ("(?:/([^/]+))?" if missing else "/([^/]+)"), missing

    def _constraint(self, name: str, argument: str) -> Callable[[str], bool]:
        try:
            if name.lower() == "regex":
                regex = re.compile(argument.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
                return lambda value: regex.search(value) is not None
            check = _CONSTRAINTS[name.lower()]
            numbers = [int(number) for number in argument.split(",")] if argument else []
            check("", *numbers)
        except (KeyError, TypeError, ValueError, re.error) as error:
            raise self._error(f"constraint {name}({argument}) is unknown or has the wrong arguments") from error
        return lambda value: check(value, *numbers)

    def _error(self, problem: str) -> HostError:
        return HostError(f"function {self.function.name}: route {self.function.route!r}: {problem}")


class RouteTable:
    """All HTTP functions of an app, in the order in which they are tried."""

    def __init__(self, functions: Iterable[Function], prefix: str) -> None:
        http = (function for function in functions if function.kind == "httpTrigger")
        self.routes = [Route(function, prefix) for function in sorted(http, key=lambda each: each.name.upper())]

    def match(self, method: str, raw_path: bytes) -> tuple[Function, dict[str, str]] | None:
        """Find the function for a request; None when no route and method match (answered by 404, never 405)."""
        path = raw_path.decode("latin-1")
        if "%" in path:
            path = unquote(re.sub("%(?=2[fF])", "%25", path))
        path = path.removesuffix("/")
        for route in self.routes:
            methods = route.function.methods
            if not methods or method in methods:
                parameters = route.match(path)
                if parameters is not None:
                    return route.function, parameters
        return None
