import json

from devhost.functions import Function

TRIGGER = {"type": "httpTrigger", "name": "req", "direction": "IN"}


def from_bindings(*bindings: dict[str, object]) -> Function:
    return Function.from_raw("Call", [json.dumps(binding) for binding in bindings])


def test_an_http_function() -> None:
    function = from_bindings(
        {"type": "http", "name": "answer", "direction": "OUT"},
        {**TRIGGER, "route": "calls/{id}", "methods": ["get", "POST"]},
    )
    assert function.kind == "httpTrigger"
    assert function.route == "calls/{id}"
    assert function.methods == {"GET", "POST"}
    assert function.http_output == "answer"


def test_what_is_not_said_has_its_default() -> None:
    function = from_bindings({**TRIGGER, "route": ""})
    assert function.route == "Call"
    assert function.methods == frozenset()
    assert function.http_output == "$return"
