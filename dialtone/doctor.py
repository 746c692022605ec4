"""Looks for what keeps a bot from taking calls: `dialtone doctor`.

1. From within, by `functions.diagnosis` in the app's folder with the app's settings: settings, bot, keys, verification,
   storage and its roles, prompts.
2. From outside, at the address that the platform would call: that it answers, by https, that it lets nobody in without
   proof, that its clock is right; at the worker's, that it answers and has the key of our tickets; at Event Grid's,
   that it answers the handshake.

Nothing that it prints holds a key.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from dialtone.errors import ConfigurationError
from dialtone.media import ticket
from dialtone.protocol.rules import LOOPBACK

MAX_SKEW_S: Final = 60
"""Tokens are good for 5 minutes before and after; beyond this something is about to go wrong."""

TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: what is `wrong`, or nothing, and how to mend it."""

    check: str
    wrong: str = ""
    fix: str = ""

    def __str__(self) -> str:
        if not self.wrong:
            return f"fine   {self.check}"
        return f"WRONG  {self.check}: {self.wrong}\n       fix: {self.fix}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered. `status` is 0 when nothing did; `body` says why then."""

    status: int
    headers: Mapping[str, str]
    body: str

    def error(self) -> tuple[str, str]:
        """What it says that is wrong, and the fix, if it is one of the kit's errors."""
        try:
            error = json.loads(self.body)["error"]
            return f"{error['field']}: {error['message']}".removeprefix(": "), str(error["fix"])
        except (ValueError, KeyError, TypeError):
            return f"status {self.status}" if self.status else self.body, "look into the log of the functions"


def read_settings(app_dir: Path, given: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """The app's settings: those in `given`, which `az functionapp config appsettings list` wrote; else those of this
    process and, where it has none, of local.settings.json. Raises ConfigurationError for a file that cannot be read.
    """
    path = given or app_dir / "local.settings.json"
    if not given and not path.is_file():
        return dict(environment)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if given:
            return {str(entry["name"]): str(entry["value"]) for entry in document}
        return {str(name): str(value) for name, value in document["Values"].items()} | dict(environment)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            "the file of settings cannot be read",
            field=str(path),
            fix="write it by: az functionapp config appsettings list --output json" if given else "mend its JSON",
        ) from error


def within(app_dir: Path, settings: Mapping[str, str]) -> Iterator[Finding]:
    """Rule 1."""
    if not (app_dir / "function_app.py").is_file():
        yield Finding(
            "app", f"there is no function_app.py in {app_dir.resolve()}", "run this in the folder of your bot"
        )
        return
    done = subprocess.run(
        [sys.executable, "-m", "functions.diagnosis"],
        cwd=app_dir,
        env={name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "SYSTEMROOT") if name in os.environ}
        | {name: value for name, value in settings.items() if name.startswith(("DIALTONE_", "AZURE_"))},
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = False
    for line in done.stdout.splitlines():
        finding = Finding(**json.loads(line))
        wrong = wrong or bool(finding.wrong)
        yield finding
    if done.returncode and not wrong:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        yield Finding("app", f"it cannot be looked at: {last}", "run python -m functions.diagnosis to see all")


def outside(
    target: str, worker: str, events: str, settings: Mapping[str, str], now: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """Rule 2. `worker` and `events` are addresses; empty for none."""
    here = urlsplit(target).hostname in LOOPBACK
    if not here and not target.startswith("https:"):
        yield Finding("https", f"{target} is not https", "use the address as Azure gives it")
        return
    health = _ask(f"{target}/api/health")
    if not health.status:
        yield Finding("functions", f"{target} does not answer: {health.body}", "see that it runs at this address")
    else:
        yield Finding("functions") if health.status == 200 else Finding("functions", *health.error())
        yield _clock(health, now())
        yield _door(_ask(f"{target}/api/calls", {}), here)
    if worker:
        yield from _worker(worker, settings.get("DIALTONE_TICKET_KEY", ""), now())
    if events:
        yield _handshake(events)


def _clock(answer: Answer, now: float) -> Finding:
    try:
        theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return Finding("clock", "the answer has no date", "look which program answers at this address")
    skew = now - theirs
    if abs(skew) > MAX_SKEW_S:
        return Finding("clock", f"it is {skew:+.0f} s from the functions' clock", "set this machine's clock")
    return Finding("clock")


def _door(answer: Answer, here: bool) -> Finding:
    # A 400 is past verification, which on this machine alone may be off.
    if answer.status in (401, 403) or (answer.status == 400 and here):
        return Finding("verification")
    if answer.status in (200, 204, 400):
        return Finding(
            "verification",
            "a callback without any proof is let in",
            "set DIALTONE_AUTH to jwt, certificate or jwt+certificate",
        )
    return Finding("verification", *answer.error())


def _worker(worker: str, key: str, now: float) -> Iterator[Finding]:
    address = worker.replace("wss:", "https:", 1).replace("ws:", "http:", 1).rstrip("/")
    ready = _ask(f"{address}/readyz")
    if ready.status != 200:
        wrong = f"{worker} does not answer: {ready.body}" if not ready.status else f"{worker} answers {ready.status}"
        yield Finding("media worker", wrong, "see that it runs and is not stopping; its log says why not")
        return
    yield Finding("media worker")
    if not key:
        return
    try:
        signed = ticket.sign(ticket.load_key(key), "doctor", int(now) + 60)
    except ValueError as error:
        yield Finding("ticket key", f"DIALTONE_TICKET_KEY: {error}", "make one with: openssl rand -base64 32")
        return
    if _ask(f"{address}/media/doctor?handler=echo&ticket={signed}").status == 401:
        yield Finding("ticket key", "the worker has another key", "set DIALTONE_TICKET_KEY alike for both")
    else:
        yield Finding("ticket key")


def _handshake(events: str) -> Finding:
    code = "dialtone-doctor"
    event = {
        "id": "1",
        "topic": "",
        "subject": "",
        "dataVersion": "1",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": code},
    }
    answer = _ask(events, [event], {"aeg-event-type": "SubscriptionValidation"})
    if answer.status == 200 and code in answer.body:
        return Finding("event grid")
    return Finding(
        "event grid",
        f"the handshake is not answered: {answer.status or answer.body}",
        "deploy a bot with this route, and give the address with its key",
    )


def _ask(url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    """GET, or POST a body as JSON."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    try:
        request = urllib.request.Request(url, data=data, headers=sent)  # noqa: S310 - outside() takes http only here
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return _answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error.read())
    except (OSError, ValueError) as error:
        return Answer(0, {}, str(getattr(error, "reason", error)))


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body.decode(errors="replace"))
