from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.functions import Function, HostError
from devhost.routes import Route, RouteTable


def http(route: str, name: str = "Call", methods: tuple[str, ...] = ()) -> Function:
    trigger = {"type": "httpTrigger", "name": "req", "route": route, "methods": list(methods)}
    return Function(name, (trigger,))


def found(route: str, path: str, prefix: str = "api") -> dict[str, str] | None:
    match = RouteTable([http(route)], prefix).match("GET", path.encode("latin-1"))
    return None if match is None else match[1]


@pytest.mark.parametrize(
    ("route", "path", "parameters"),
    [
        ("calls", "/api/calls", {}),
        ("calls", "/API/Calls/", {}),
        ("calls", "/api/calls/x", None),
        ("calls", "/calls", None),
        ("calls/", "/api/calls", {}),
        ("a.b", "/api/axb", None),
        ("calls/{id}", "/api/calls/7", {"id": "7"}),
        ("calls/{id}", "/api/calls", None),
        ("calls/{id}", "/api/calls/7/8", None),
        ("calls/{id}", "/api/calls/M%C3%BCller%20A", {"id": "Müller A"}),
        ("calls/{id}", "/api/calls/a%2Fb%2fc", {"id": "a%2Fb%2fc"}),
        ("calls/{id}", "/api/calls//", None),
        ("calls/{id}/events/{n}", "/api/calls/7/events/1", {"id": "7", "n": "1"}),
        ("calls/{id?}", "/api/calls", {}),
        ("calls/{id?}", "/api/calls/7", {"id": "7"}),
        ("calls/{id=3}", "/api/calls", {"id": "3"}),
        ("{a?}/{b?}", "/api", {}),
        ("{a?}/{b?}", "/api/x", {"a": "x"}),
        ("{a?}/{b?}", "/api/x/y", {"a": "x", "b": "y"}),
        ("calls/{id?}/events", "/api/calls/7/events", {"id": "7"}),
        ("calls/{id?}/events", "/api/calls/events", None),
        ("files/{*path}", "/api/files/a/b.wav", {"path": "a/b.wav"}),
        ("files/{**path}", "/api/files", {}),
        ("files/{id}.{kind}", "/api/files/a.b.wav", {"id": "a.b", "kind": "wav"}),
        ("{from}-{to}", "/api/1-2", {"from": "1", "to": "2"}),
        ("{from}-{to}", "/api/12", None),
    ],
)
def test_templates(route: str, path: str, parameters: dict[str, str] | None) -> None:
    assert found(route, path) == parameters


@pytest.mark.parametrize(
    ("constraint", "allowed", "refused"),
    [
        ("int", ["0", "-2147483648", "+7"], ["2147483648", "1.0", "x", "٣"]),
        ("long", ["9223372036854775807"], ["9223372036854775808", "9" * 5000]),
        ("bool", ["true", "False"], ["1", "yes"]),
        ("guid", ["0c6b3a52-8b30-4a8c-9d7b-0d2b2c1f6a11"], ["0c6b3a52"]),
        ("double", ["1.5", "-2e3"], ["x"]),
        ("decimal", ["1.5"], ["x"]),
        ("float", ["1.5"], ["x"]),
        ("datetime", ["2026-11-20T10:00:00"], ["tomorrow"]),
        ("alpha", ["aZ"], ["a1"]),
        ("required", ["x"], []),
        ("length(3)", ["abc"], ["ab", "abcd"]),
        ("length(1,2)", ["a", "ab"], ["abc"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["ab"], ["abc"]),
        ("min(5)", ["5"], ["4", "x"]),
        ("max(5)", ["5"], ["6", "x"]),
        ("range(5,7)", ["5", "7"], ["4", "8", "x"]),
        (r"regex(^\d{{3}}-(a|b)$)", ["123-a", "123-B"], ["12-a", "123-c"]),
        ("int:min(5)", ["5"], ["4", "99999999999"]),
    ],
)
def test_constraints(constraint: str, allowed: list[str], refused: list[str]) -> None:
    route = Route(http("{id:" + constraint + "}"))
    assert all(route.match(f"/{value}") == {"id": value} for value in allowed)
    assert all(route.match(f"/{value}") is None for value in refused)


def test_a_constraint_does_not_bind_what_is_missing() -> None:
    assert found("calls/{id:int?}", "/api/calls") == {}
    assert found("calls/{id:int?}", "/api/calls/x") is None
    assert found("calls/{id:int=5}", "/api/calls") == {"id": "5"}


@pytest.mark.parametrize(
    ("route", "named"),
    [
        ("/calls", "segment '' is malformed"),
        ("calls//events", "segment '' is malformed"),
        ("calls/{id", "malformed"),
        ("calls/{}", "malformed"),
        ("{*path}/end", "must be the last segment"),
        ("file-{id?}", "must fill its segment"),
        ("{id:colour}", r"constraint colour\(\) is unknown"),
        ("{id:min(x)}", "wrong arguments"),
        ("{id:min}", "wrong arguments"),
        ("{id:int(3)}", "wrong arguments"),
        ("{id:regex([)}", "wrong arguments"),
        ("{id}/{ID}", "appears twice"),
    ],
)
def test_a_template_that_cannot_work_names_the_function(route: str, named: str) -> None:
    with pytest.raises(HostError, match=rf"function Call: route .*{named}"):
        Route(http(route), "api")


def test_no_prefix() -> None:
    assert found("{*path}", "/", prefix="") == {}
    assert found("calls", "/calls", prefix="") == {}


def test_a_method_that_no_function_takes_is_no_match() -> None:
    table = RouteTable([http("calls", methods=("POST",))], "api")
    assert table.match("GET", b"/api/calls") is None
    assert table.match("POST", b"/api/calls") is not None


def test_the_first_in_alphabetical_order_wins_whatever_the_template() -> None:
    table = RouteTable([http("calls/latest", "B_latest"), http("calls/{id}", "a_call")], "api")
    match = table.match("GET", b"/api/calls/latest")
    assert match is not None
    assert (match[0].name, match[1]) == ("a_call", {"id": "latest"})


def test_a_function_whose_template_does_not_match_lets_the_next_one_try() -> None:
    table = RouteTable([http("{id:int}", "first"), http("{name}", "second"), http("{name}", "third")], "")
    match = table.match("GET", b"/x")
    assert match is not None
    assert match[0].name == "second"


@given(st.text(max_size=20))
def test_any_parameter_value_that_is_percent_encoded_comes_back(value: str) -> None:
    encoded = quote(value, safe="")
    expected = None if not value else {"id": value.replace("/", "%2F")}
    assert found("calls/{id}", f"/api/calls/{encoded}") == expected
