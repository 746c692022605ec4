"""host.json and local.settings.json.

Rules (Azure Functions documentation, "host.json" and "local settings file"):
1. Values of local.settings.json become environment variables; a variable that is already set wins.
   AZURE_FUNCTIONS_ENVIRONMENT is Development unless set, as Core Tools has it.
2. host.json is version "2.0"; extensions.http.routePrefix defaults to "api" and may be empty.
3. %NAME% in a binding stands for the app setting NAME.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from .functions import HostError


def load_local_settings(app_dir: Path) -> None:
    """Put the Values of local.settings.json, if there is one, into the environment."""
    document = _read_object(app_dir / "local.settings.json")
    if document.get("IsEncrypted"):
        raise HostError("local.settings.json is encrypted: run `func settings decrypt`")
    values = document.get("Values", {})
    for name, value in values.items() if isinstance(values, dict) else [("Values", values)]:
        if not isinstance(value, str):
            raise HostError(f"local.settings.json: {name} must be a string, not {type(value).__name__}")
        os.environ.setdefault(name, value)
    os.environ.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")


def load_route_prefix(app_dir: Path) -> str:
    """Return the route prefix of host.json, without slashes; ``api`` when nothing is said."""
    document = _read_object(app_dir / "host.json")
    if document.get("version", "2.0") != "2.0":
        raise HostError(f'host.json: version must be "2.0", not {document["version"]!r}')
    section = document
    for name in ("extensions", "http"):
        section = section.get(name, {})
        if not isinstance(section, dict):
            raise HostError(f"host.json: {name} must be an object")
    prefix = section.get("routePrefix", "api")
    if not isinstance(prefix, str):
        raise HostError("host.json: extensions.http.routePrefix must be a string")
    return prefix.strip("/")


def resolve(text: str) -> str:
    """Replace each %NAME% by the app setting of that name."""

    def setting(match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            raise HostError(f"{text!r} names the app setting {match[1]}, which is not set")
        return value

    return re.sub(r"%([^%\s]+)%", setting, text)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise HostError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise HostError(f"{path.name} must hold a JSON object")
    return document
