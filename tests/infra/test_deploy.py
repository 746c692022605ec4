"""The deployment's scripts, with programs on the PATH that note what they are asked, and fail when told to."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.canary import keys_of
from scripts.azure import Missing, outputs, parameters
from simulator.canary import load_canary_key
from tests.fakes import ROOT
from tests.infra.bicep import Templates
from tests.infra.test_bicep import SECRETS

KEYS = {
    "DIALTONE_APPSTATE_KEY": "A" * 44,
    "DIALTONE_TICKET_KEY": "T" * 44,
    "DIALTONE_SIGNAL_KEY": "S" * 44,
    "DIALTONE_ACS_EVENTS_KEY": "e" * 64,
}
SETTINGS = {"AZURE_ENV_NAME": "dev", "AZURE_LOCATION": "westeurope"}

# Resource Manager changes the case of what begins an output's name.
OUTPUTS = {
    "azurE_RESOURCE_GROUP": "rg-dev",
    "azurE_CONTAINER_REGISTRY_ENDPOINT": "crdev.azurecr.io",
    "azurE_FUNCTION_APP_NAME": "func-dev",
    "dialtonE_COMMUNICATION": "",
    "dialtonE_STORAGE_ACCOUNT": "stdev",
    "dialtonE_PUBLIC_URL": "https://func-dev.test",
    "dialtonE_MEDIA_URL": "wss://ca-dev.test",
}

LIVE = {name.upper(): value for name, value in OUTPUTS.items()} | {
    "DIALTONE_COMMUNICATION": "acs-dev",
    "DIALTONE_ACS_EVENTS_KEY": "the-secret",
}

FAKE = """#!{python}
import json, os, pathlib, sys
name = pathlib.Path(sys.argv[0]).name
words = [name, *sys.argv[1:]]
line = " ".join(words)
files = {{word: pathlib.Path(word[1:]).read_text() for word in words if word.startswith("@")}}
given = sys.stdin.read() if "--config" in words else ""
with open(os.environ["FAKE_LOG"], "a") as log:
    log.write(json.dumps(dict(line=line, files=files, stdin=given)) + "\\n")
if os.environ.get("FAKE_FAIL") and os.environ["FAKE_FAIL"] in line:
    sys.exit("ERROR: (Conflict) it cannot be done")
for part, answer in json.loads(os.environ["FAKE_ANSWERS"]).items():
    if part in line:
        print(answer)
"""


class Cloud:
    """A copy of what the scripts need, and programs that note how they are called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "kit"
        self.log = folder / "log"
        self.answers = {
            "sub show": json.dumps({name: {"type": "String", "value": value} for name, value in OUTPUTS.items()}),
            "--config -": '{"validationResponse": "dialtone"}',
        }
        for name in ("scripts", "infra", "media_worker", "dialtone", "bots"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.programs = folder / "bin"
        self.programs.mkdir()
        for name in ("az", "curl", "make", "dialtone"):
            (self.programs / name).write_text(FAKE.format(python=sys.executable))
            (self.programs / name).chmod(0o755)
        (self.programs / "python3").symlink_to(sys.executable)

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        variables = {
            "PATH": f"{self.programs}:/usr/bin:/bin",
            "FAKE_LOG": str(self.log),
            "FAKE_ANSWERS": json.dumps(self.answers),
            **environment,
        }
        command = ["bash", str(self.folder / "scripts" / script)]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What the programs noted."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def asked(self) -> list[str]:
        """The verbs of the programs, in order."""
        return [" ".join(call["line"].split(" --")[0].split(" https")[0].split()) for call in self.calls]

    def parameters(self, nth: int) -> dict[str, Any]:
        """What the nth deployment of main.bicep was given."""
        deployments = [call for call in self.calls if "sub create" in call["line"]]
        ((_, text),) = deployments[nth]["files"].items()
        return {name: entry["value"] for name, entry in json.loads(text)["parameters"].items()}


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


FIRST = [
    "az account show",
    "az deployment sub list",
    "az deployment sub create",
    "az deployment sub show",
    "make",
    "az functionapp deployment source config-zip",
    "az acr build",
    "az deployment sub create",
    "az deployment sub show",
    "curl",
]


def test_the_first_deployment(cloud: Cloud) -> None:
    done = cloud.run("deploy.sh", **SETTINGS)
    assert done.returncode == 0, done.stderr
    assert cloud.asked() == FIRST
    before, after = cloud.parameters(0), cloud.parameters(1)
    assert before["workerImage"] == ""
    image, _, tag = after["workerImage"].rpartition(":")
    assert image == "crdev.azurecr.io/media-worker"
    assert (before["functionsMaximumInstances"], before["teams"]) == (40, False)
    (build,) = [call["line"] for call in cloud.calls if "acr build" in call["line"]]
    assert f"--registry crdev --image media-worker:{tag} --file media_worker/Dockerfile ." in build
    (sent,) = [call["line"] for call in cloud.calls if "config-zip" in call["line"]]
    assert "--resource-group rg-dev --name func-dev --src dist/functions.zip --build-remote false" in sent
    assert not any(parameters["appStateKey"] in call["line"] for call in cloud.calls for parameters in (before, after))


def test_keys_are_made_once_and_kept_from_others(cloud: Cloud) -> None:
    cloud.run("deploy.sh", **SETTINGS)
    first = cloud.parameters(0)
    kept = cloud.folder / ".azure/dev/.env"
    assert kept.stat().st_mode & 0o777 == 0o600
    made = [first[name] for name in SECRETS]
    assert [len(key) for key in made] == [44, 44, 44, 64]
    assert len(set(made)) == 4
    assert first["eventsKey"].isalnum(), "it goes into an address"
    cloud.run("deploy.sh", **SETTINGS)
    assert cloud.parameters(0) == first


def test_keys_that_are_given_are_not_written(cloud: Cloud) -> None:
    assert cloud.run("deploy.sh", **SETTINGS, **KEYS).returncode == 0
    assert cloud.parameters(0)["appStateKey"] == KEYS["DIALTONE_APPSTATE_KEY"]
    assert (cloud.folder / ".azure/dev/.env").read_text() == ""


def test_a_canary_is_the_last_step_where_it_is_switched_on(cloud: Cloud) -> None:
    done = cloud.run("deploy.sh", **SETTINGS, DIALTONE_CANARY="true")
    assert done.returncode == 0, done.stderr
    assert cloud.asked() == [*FIRST, "dialtone canary"]
    assert cloud.calls[-1]["line"] == "dialtone canary --target https://func-dev.test --key .azure/dev/canary.pem"
    key = cloud.folder / ".azure/dev/canary.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    given = cloud.parameters(0)
    public = load_canary_key(key).public_key()
    assert (given["canary"], keys_of((given["canaryKeys"],))) == (True, (public,))
    # What says that it is on may be in the file too, and a key that is there is kept.
    kept = cloud.folder / ".azure/dev/.env"
    kept.write_text(kept.read_text() + 'DIALTONE_CANARY="true"\n')
    assert cloud.run("deploy.sh", **SETTINGS).returncode == 0
    assert (cloud.parameters(0)["canaryKeys"], cloud.asked()[-1]) == (given["canaryKeys"], "dialtone canary")


def test_a_canary_that_does_not_get_through_is_a_failure(cloud: Cloud) -> None:
    done = cloud.run("deploy.sh", **SETTINGS, DIALTONE_CANARY="true", FAKE_FAIL="dialtone canary")
    assert done.returncode == 1
    assert "live: the bot does not take calls\nlive: fix: " in done.stderr


def test_a_front_end_that_wants_certificates_gets_one(cloud: Cloud) -> None:
    live = {name: value for name, value in LIVE.items() if name != "DIALTONE_COMMUNICATION"}
    certified = live | {"DIALTONE_AUTH": "certificate", "DIALTONE_CANARY": "true", "AZURE_ENV_NAME": "dev"}
    done = cloud.run("live.sh", **certified)
    assert done.returncode == 0, done.stderr
    health, canary = (call["line"] for call in cloud.calls)
    assert re.match(r"curl --cert (\S+)/client.pem --key \1/client.key --fail", health)
    assert re.search(r" --client-cert (\S+)/client.pem --client-key \1/client.key$", canary)
    done = cloud.run("live.sh", **LIVE, DIALTONE_AUTH="certificate")
    assert done.returncode == 1
    assert "live: Event Grid has no client certificate\nlive: fix: " in done.stderr


def test_a_worker_that_has_not_changed_keeps_running(cloud: Cloud) -> None:
    cloud.run("deploy.sh", **SETTINGS)
    image = cloud.parameters(1)["workerImage"]
    cloud.answers["sub list"] = image
    done = cloud.run("deploy.sh", **SETTINGS)
    assert done.returncode == 0
    assert cloud.asked() == [*FIRST[:6], "curl"]
    assert cloud.parameters(0)["workerImage"] == image

    (cloud.folder / "media_worker/handlers.py").write_text("changed = True\n")
    cloud.run("deploy.sh", **SETTINGS)
    assert cloud.asked() == FIRST
    assert cloud.parameters(0)["workerImage"] == image
    assert cloud.parameters(1)["workerImage"] != image


@pytest.mark.parametrize(
    ("failing", "calls"),
    [("account show", 1), ("sub list", 2), ("sub create", 3), ("sub show", 4), ("make", 5), ("config-zip", 6),
     ("acr build", 7), ("api/health", 10)],
)  # fmt: skip
def test_it_stops_at_the_first_failure_with_the_reason(cloud: Cloud, failing: str, calls: int) -> None:
    done = cloud.run("deploy.sh", **SETTINGS, FAKE_FAIL=failing)
    assert done.returncode != 0
    assert cloud.asked() == FIRST[:calls]
    assert "ERROR: (Conflict) it cannot be done" in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(("deploy: fix: ", "deploy: stopped while "))
    assert "stopped" not in done.stderr.replace(last, "")


@pytest.mark.parametrize("missing", SETTINGS)
def test_a_setting_that_is_missing_is_named(cloud: Cloud, missing: str) -> None:
    done = cloud.run("deploy.sh", **{name: value for name, value in SETTINGS.items() if name != missing})
    assert done.returncode == 1
    assert f"deploy: {missing} is not set\ndeploy: fix: export {missing}=" in done.stderr
    assert cloud.calls == []


def test_event_grid_is_subscribed_after_the_handshake(cloud: Cloud) -> None:
    done = cloud.run("live.sh", **LIVE)
    assert done.returncode == 0, done.stderr
    assert cloud.asked() == ["curl", "curl", "az deployment group create"]
    url = "https://func-dev.test/api/acs/events?key=the-secret"
    health, handshake, group = cloud.calls
    assert health["line"].endswith("https://func-dev.test/api/health")
    assert handshake["stdin"] == f'url = "{url}"\n'
    ((_, given),) = group["files"].items()
    assert json.loads(given) == {"communicationName": {"value": "acs-dev"}, "endpointUrl": {"value": url}}
    assert not any("the-secret" in call["line"] for call in cloud.calls)


def test_a_route_that_is_not_there_is_not_subscribed(cloud: Cloud) -> None:
    cloud.answers["--config -"] = ""
    done = cloud.run("live.sh", **LIVE)
    assert done.returncode == 1
    assert "live: /api/acs/events does not answer Event Grid's handshake: nothing\nlive: fix: " in done.stderr
    assert cloud.asked()[-1] == "curl"


def test_azd_starts_the_same_scripts() -> None:
    text = (ROOT / "azure.yaml").read_text()
    for event, script in (("preprovision", "keys.sh"), ("postdeploy", "live.sh")):
        assert f"{event}:\n    shell: sh\n    run: scripts/{script}" in text
        assert os.access(ROOT / "scripts" / script, os.X_OK)


def test_parameters_have_the_types_of_the_template(infra: Templates) -> None:
    given = parameters(SETTINGS | KEYS | {"DIALTONE_TEAMS": "true", "DIALTONE_WORKER_MAXIMUM": "25"})["parameters"]
    assert (given["teams"]["value"], given["workerMaximumReplicas"]["value"]) == (True, 25)
    for name, entry in given.items():
        if name not in infra.required("main.bicep") and name not in ("teams", "workerMaximumReplicas"):
            assert entry["value"] == infra.default(name)
            assert type(entry["value"]) is type(infra.default(name))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"DIALTONE_TEAMS": "yes"}, "DIALTONE_TEAMS: 'yes' is not bool"),
        ({"DIALTONE_WORKER_MAXIMUM": "many"}, "DIALTONE_WORKER_MAXIMUM: 'many' is not int"),
    ],
)
def test_a_variable_of_another_type_is_named(more: dict[str, str], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        parameters(SETTINGS | KEYS | more)


def test_a_variable_that_is_missing_is_named() -> None:
    for missing in KEYS:
        with pytest.raises(Missing, match=f"{missing} is not set"):
            parameters(SETTINGS | {name: key for name, key in KEYS.items() if name != missing})


def test_outputs_are_safe_in_a_shell() -> None:
    assert outputs({"azurE_A": {"value": "a; rm -rf $HOME"}}) == "AZURE_A='a; rm -rf $HOME'\n"


@pytest.fixture
def shellcheck() -> Callable[[Path], subprocess.CompletedProcess[str]]:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is not installed")
    return lambda script: subprocess.run([program, str(script)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_sound(script: Path, shellcheck: Callable[[Path], subprocess.CompletedProcess[str]]) -> None:
    done = shellcheck(script)
    assert done.returncode == 0, done.stdout
