"""Places one call through a deployed bot's front door, as an operator's test: `dialtone canary`.

functions/canary.py is the other end, and says what such a call may do. The private key never leaves this machine.
"""

import importlib.util
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from dialtone.errors import ConfigurationError
from dialtone.protocol.rules import LOOPBACK
from dialtone.ringing import Event, judge, simulate
from dialtone.run_logs import own_logs
from dialtone.transcript import printable


@dataclass(frozen=True, slots=True)
class Finding:
    """How a canary's call went: `reasons` why it failed, and how long each of its answers took, in milliseconds."""

    call_id: str
    reasons: Sequence[str]
    answers_ms: Sequence[float]

    @classmethod
    def of(cls, ledger: Sequence[Event]) -> "Finding":
        """What a ledger tells."""
        replies = [event for event in ledger if event["kind"] == "http.reply"]
        refusals = [_told(event) for event in replies if (event.get("status") or 500) >= 400]
        return cls(
            call_id=next((event["call_id"] for event in ledger if event["kind"] == "call.started"), ""),
            reasons=[*filter(None, refusals[-1:]), *judge(ledger, None).reasons],
            answers_ms=[event["ms"] for event in replies],
        )

    def __str__(self) -> str:
        if self.reasons:
            return "\n".join(["FAIL", *(f"  {printable(reason)}" for reason in self.reasons)])
        count, slowest = len(self.answers_ms), max(self.answers_ms)
        return f"PASS: the bot took call {self.call_id}: {count} callbacks, the slowest answered in {slowest:.0f} ms"


def place_canary(
    target: Annotated[str, typer.Option(help="Address of the functions, as their DIALTONE_PUBLIC_URL says it.")],
    key: Annotated[Path, typer.Option(help="The canary's private key, in PEM.", exists=True, dir_okay=False)],
    tls_ca: Annotated[Path | None, typer.Option(help="Authorities to trust besides the public ones, in PEM.")] = None,
    client_cert: Annotated[Path | None, typer.Option(help="A client certificate, where the front end asks.")] = None,
    client_key: Annotated[Path | None, typer.Option(help="Its key, in PEM, where it is in another file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Place one test call through a deployed bot's front door. Exit 1: it cannot take calls."""
    parts = urlsplit(target)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ConfigurationError("it is not an https address", field="--target", fix="use it as Azure gives it")
    simulator = importlib.util.find_spec("simulator")
    assert simulator is not None
    assert simulator.origin is not None
    script = Path(simulator.origin).parent / "scripts" / "canary.yaml"
    arguments = ["canary", str(script), "--target", target, "--key", str(key.resolve())]
    for name, file in (("--tls-ca", tls_ca), ("--client-cert", client_cert), ("--client-key", client_key)):
        arguments += [name, str(file.resolve())] if file else []
    with closing(simulate(arguments, app_dir=Path(), logs=own_logs("canary"))) as events:
        found = Finding.of(list(events))
    if as_json:
        verdict = {"ok": not found.reasons, "reasons": list(found.reasons)}
        print(json.dumps({"verdict": verdict, "call_id": found.call_id, "answers_ms": list(found.answers_ms)}))
    else:
        print(found)
    raise typer.Exit(int(bool(found.reasons)))


def _told(reply: Event) -> str:
    """What the bot says of a refusal, if it is one of the kit's errors."""
    document: Any = reply.get("json")
    try:
        error = document["error"]
        return f"{error['code']}: {error['message']}. Fix: {error['fix']}"
    except (KeyError, TypeError):
        return ""
