from simulator.notation import Notation

URL = "http://127.0.0.1:7071/api/calls"


def test_what_a_bot_makes_anew_is_written_by_a_name() -> None:
    notation = Notation(URL, names=True)
    link = "http://127.0.0.1:7071/files/a.wav?sig=secret"
    message = {
        "links": {"callback": f"{URL}?code=x"},
        "appState": "aaaa",
        "actions": [{"prompts": [{"fileUri": link}, {"value": "Hello", "silence": 3, "bargeIn": None}]}],
    }
    assert notation.message(message) == {
        "links": {"callback": "http://bot/api/calls?code=x"},
        "appState": "<appState 1>",
        "actions": [
            {"prompts": [{"fileUri": "http://bot/files/a.wav?..."}, {"value": "Hello", "silence": 3, "bargeIn": None}]}
        ],
    }
    assert notation.message({"appState": "bbbb"}) == {"appState": "<appState 2>"}
    assert notation.message({"appState": "aaaa"}) == {"appState": "<appState 1>"}


def test_an_address_elsewhere_stays() -> None:
    notation = Notation(URL, names=True)
    assert notation.address("http://127.0.0.1:7071") == "http://bot"
    assert notation.address("http://127.0.0.1:70710/api/calls") == "http://127.0.0.1:70710/api/calls"
    assert notation.address("https://127.0.0.1:7071/api/calls") == "https://127.0.0.1:7071/api/calls"


def test_in_real_time_everything_is_as_it_is() -> None:
    message = {"appState": "aaaa", "links": {"callback": URL}}
    assert Notation(URL, names=False).message(message) is message
    assert Notation(URL, names=False).address(URL) == URL
