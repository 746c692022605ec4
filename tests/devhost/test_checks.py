import pytest

from devhost.checks import check_functions
from devhost.functions import Function, HostError


def http(name: str, route: str = "", methods: tuple[str, ...] = ()) -> Function:
    return Function(name, ({"type": "httpTrigger", "name": "req", "route": route, "methods": list(methods)},))


def other(name: str, kind: str, **more: str) -> Function:
    return Function(name, ({"type": kind, "name": "it", **more},))


def test_a_sound_app_gives_its_routes() -> None:
    table = check_functions(
        [
            http("get_call", "calls", ("GET",)),
            http("post_call", "calls", ("POST",)),
            other("sweep", "timerTrigger", schedule="0 * * * * *"),
            other("incoming", "eventGridTrigger"),
        ],
        "api",
    )
    assert [route.template for route in table.routes] == ["api/calls", "api/calls"]


@pytest.mark.parametrize(
    ("functions", "named"),
    [
        ([], "no functions found"),
        ([http("a", "calls"), http("b", "Calls/", ("GET",))], "functions a and b share the route 'Calls/'"),
        ([http("a", "calls", ("GET", "POST")), http("b", "calls", ("POST",))], "share the route"),
        ([http("calls"), http("b", "calls")], "share the route"),
        ([http("a", "admin/calls")], "'admin/calls' is reserved"),
        ([http("a", "Administrators")], "is reserved"),
        ([http("a", "runtime")], "is reserved"),
        ([http("1st")], "'1st' is not a valid function name"),
        ([http("a.b")], "not a valid function name"),
        ([http("\u212aey")], "not a valid function name"),
        ([http("call"), http("Call", "other")], "two functions are named Call"),
        ([http("Host")], "not a valid function name"),
        ([http("a" * 129)], "not a valid function name"),
        ([other("sweep", "timerTrigger", schedule="0 * * *")], "function sweep: schedule '0 \\* \\* \\*'"),
        ([other("drain", "queueTrigger")], "function drain: devhost does not serve the binding queueTrigger"),
        ([http("a", "{")], "malformed"),
    ],
)
def test_what_only_a_host_refuses(functions: list[Function], named: str) -> None:
    with pytest.raises(HostError, match=named):
        check_functions(functions, "api")


def test_the_longest_name_is_allowed() -> None:
    assert len(check_functions([http("a" * 128), http("hosts"), http("x_-1")], "").routes) == 3
