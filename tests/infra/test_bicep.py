"""What no Bicep compiler knows: that the infrastructure fits the code, and that it stays without keys."""

import json
import re
from typing import Any

import pytest
import yaml

from functions.settings import Settings as FunctionSettings
from media_worker.settings import Settings
from tests.infra.bicep import FILES, INFRA, body, declarations, decorators, faults, parse, root, text, value, walk

CONTAINERS = ["prompts", "recordings", "deployments"]
TABLES = ["calls", "callindex", "calldata"]

FUNCTION_SETTINGS = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AZURE_CLIENT_ID",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__tableServiceUri",
    "DIALTONE_APPSTATE_KEY",
    "DIALTONE_APP_ID",
    "DIALTONE_AUTH",
    "DIALTONE_BOT",
    "DIALTONE_CERTIFICATE_INTERMEDIATES",
    "DIALTONE_CERTIFICATE_REVOCATION",
    "DIALTONE_CERTIFICATE_ROOTS",
    "DIALTONE_PUBLIC_URL",
    "DIALTONE_STORAGE_ACCOUNT",
    "DIALTONE_SWEEP_AFTER",
}
WORKER_SETTINGS = {"DIALTONE_TICKET_KEY"}

# Refused or ignored on Flex Consumption, by the plan's documentation.
NOT_ON_FLEX = re.compile(
    "FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_RUN_FROM_PACKAGE|SCM_DO_BUILD_DURING_DEPLOYMENT"
    "|ENABLE_ORYX_BUILD|WEBSITE_CONTENT.*|WEBSITE_TIME_ZONE|TZ|AzureWebJobsStorage"
)

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "acrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}

MAIN_OUTPUTS = {
    "AZURE_CONTAINER_REGISTRY_ENDPOINT",
    "AZURE_RESOURCE_GROUP",
    "DIALTONE_MEDIA_URL",
    "DIALTONE_PUBLIC_URL",
    "DIALTONE_STORAGE_ACCOUNT",
}


@pytest.mark.parametrize("file", FILES)
def test_every_file_parses(file: str) -> None:
    assert faults(root(file)) == []


def test_a_broken_file_does_not_parse() -> None:
    assert faults(parse(b"param name string\nresource x 'T@1' = { name: }\n"))
    assert faults(parse(b"param name = \n"))


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", ["parameter", "output"])
def test_every_parameter_and_output_is_described(file: str, kind: str) -> None:
    bare = [name for name, node in declarations(file, kind).items() if len(decorators(node).get("description", "")) < 7]
    assert bare == []


@pytest.mark.parametrize("file", FILES)
def test_every_parameter_is_used(file: str) -> None:
    used = [text(node) for node in walk(root(file)) if node.type == "identifier"]
    assert [name for name in declarations(file, "parameter") if used.count(name) < 2] == []


def test_keys_come_in_as_secure_parameters() -> None:
    for file in ("main.bicep", "vault.bicep"):
        secure = {name for name, node in declarations(file, "parameter").items() if "secure" in decorators(node)}
        assert secure == {"appStateKey", "ticketKey"}


def test_every_output_of_a_module_is_used_and_exists() -> None:
    modules = {symbol: value(node.named_children[1]) for symbol, node in declarations("main.bicep", "module").items()}
    given = {f"{symbol}.outputs.{name}" for symbol, file in modules.items() for name in declarations(file, "output")}
    used = set(re.findall(r"\b\w+\.outputs\.\w+", text(root("main.bicep"))))
    assert used == given
    assert set(FILES) == {"main.bicep", *modules.values()}


def test_the_outputs_of_main_are_known() -> None:
    assert set(declarations("main.bicep", "output")) == MAIN_OUTPUTS


def test_the_parameters_file_fits() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    declared = declarations("main.bicep", "parameter")
    required = {name for name, node in declared.items() if "=" not in [text(child) for child in node.children]}
    assert required <= given.keys() <= declared.keys()
    assert all("value" in entry for entry in given.values())


def test_the_functions_get_the_settings_that_they_read() -> None:
    settings = body("functions.bicep", "resource", "settings")["properties"]
    assert settings.keys() == FUNCTION_SETTINGS
    assert settings["DIALTONE_APPSTATE_KEY"].startswith("'@Microsoft.KeyVault(SecretUri=")


def default(parameter: str) -> Any:
    return body("main.bicep", "parameter", parameter)


def test_callbacks_are_verified_by_default_and_as_the_functions_understand_it() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    settings = body("functions.bicep", "resource", "settings")["properties"]
    passed = body("main.bicep", "module", "functions")["params"]
    environment = {
        "DIALTONE_APP_ID": "a",
        "DIALTONE_BOT": "b:b",
        "DIALTONE_PUBLIC_URL": "https://b.test",
        "DIALTONE_APPSTATE_KEY": "a2V5",
    }
    for name, parameter in settings.items():
        if name in ("DIALTONE_AUTH", "DIALTONE_APP_ID") or name.startswith("DIALTONE_CERTIFICATE_"):
            assert passed[parameter] == parameter
            assert given[parameter]["value"] == f"${{{name}={default(parameter)}}}"
            environment[name] = environment.get(name) or default(parameter)
    understood = FunctionSettings.from_environment(environment)
    assert (understood.ways, understood.certificate_revocation) == (("jwt",), "require")


def test_a_certificate_that_stands_alone_is_proved_by_the_handshake() -> None:
    app = body("functions.bicep", "resource", "app")["properties"]
    assert app["clientCertEnabled"] == "contains(auth, 'certificate')"
    assert app["clientCertMode"] == "auth == 'certificate' ? 'Required' : 'Optional'"
    assert "clientCertExclusionPaths" not in app


def test_no_other_setting_is_named_anywhere() -> None:
    named = {
        name
        for file in FILES
        for node in walk(root(file))
        if node.type in ("identifier", "string_content") and node.parent is not None
        for name in re.findall(r"\bDIALTONE_\w+", text(node))
    }
    expected = {name for name in FUNCTION_SETTINGS | WORKER_SETTINGS | MAIN_OUTPUTS if name.startswith("DIALTONE_")}
    assert named == expected


def test_no_setting_of_another_plan() -> None:
    for file in FILES:
        for node in walk(root(file)):
            if node.type in ("identifier", "string_content"):
                assert not NOT_ON_FLEX.fullmatch(text(node)), f"{file}: {text(node)}"
    assert "basicPublishingCredentialsPolicies" not in text(root("functions.bicep"))


def test_the_functions_run_on_flex_consumption() -> None:
    assert body("functions.bicep", "resource", "plan")["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    config = body("functions.bicep", "resource", "app")["properties"]["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "3.13"}
    assert config["deployment"]["storage"]["authentication"]["type"] == "UserAssignedIdentity"
    scale = config["scaleAndConcurrency"]
    assert scale["instanceMemoryMB"] == 2048
    assert scale["alwaysReady"] == [{"name": "http", "instanceCount": 1}]
    assert scale["triggers"] == {"http": {"perInstanceConcurrency": 16}}


def test_containers_and_tables_are_those_of_the_code() -> None:
    assert body("storage.bicep", "variable", "containers") == CONTAINERS
    assert body("storage.bicep", "variable", "tables") == TABLES
    assert text(root("storage.bicep")).count("in containers:") == 1
    assert text(root("storage.bicep")).count("in tables:") == 1


def test_storage_is_private_and_without_keys() -> None:
    properties = body("storage.bicep", "resource", "account")["properties"]
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert properties["allowSharedKeyAccess"] is False
    assert properties["allowBlobPublicAccess"] is False
    assert properties["supportsHttpsTrafficOnly"] is True
    assert "publicAccess: 'None'" in text(declarations("storage.bicep", "resource")["container"])


def test_recordings_are_deleted_by_rule() -> None:
    (rule,) = body("storage.bicep", "resource", "lifecycle")["properties"]["policy"]["rules"]
    assert rule["definition"]["filters"]["prefixMatch"] == ["recordings/"]
    delete = rule["definition"]["actions"]["baseBlob"]["delete"]
    assert delete == {"daysAfterCreationGreaterThan": "recordingRetentionDays"}


def test_nothing_is_read_with_a_key() -> None:
    for file in FILES:
        calls = [text(node.named_children[0]) for node in walk(root(file)) if node.type == "call_expression"]
        assert not [call for call in calls if "list" in call.lower()], file
    assert body("monitoring.bicep", "resource", "insights")["properties"]["DisableLocalAuth"] is True
    workspace = body("monitoring.bicep", "resource", "workspace")["properties"]
    assert workspace["features"] == {"disableLocalAuth": True}
    assert body("registry.bicep", "resource", "registry")["properties"]["adminUserEnabled"] is False
    assert body("vault.bicep", "resource", "vault")["properties"]["enableRbacAuthorization"] is True


def test_roles_are_the_least_and_in_one_file() -> None:
    assert body("roles.bicep", "variable", "roles") == ROLES
    assignments = []
    for file in FILES:
        for symbol, node in declarations(file, "resource").items():
            if str(value(node.named_children[1])).startswith("Microsoft.Authorization/roleAssignments@"):
                assert file == "roles.bicep"
                assignments.append(body(file, "resource", symbol))
    given = [re.findall(r"roles\.(\w+)", assignment["properties"]["roleDefinitionId"]) for assignment in assignments]
    assert sorted(given) == sorted([name] for name in ROLES)
    for assignment, (role,) in zip(assignments, given, strict=True):
        assert assignment["properties"]["principalType"] == "ServicePrincipal"
        assert "scope" in assignment
        assert f"roles.{role})" in assignment["name"]


def test_roles_exist_before_the_programs() -> None:
    for symbol in ("functions", "worker"):
        assert body("main.bicep", "module", symbol)["dependsOn"] == ["roles"]


def worker_container() -> dict[str, Any]:
    (container,) = body("worker.bicep", "resource", "app")["properties"]["template"]["containers"]
    assert isinstance(container, dict)
    return container


def test_the_worker_gets_the_settings_that_it_reads() -> None:
    assert worker_container()["env"] == [{"name": "DIALTONE_TICKET_KEY", "secretRef": "ticket-key"}]
    (secret,) = body("worker.bicep", "resource", "app")["properties"]["configuration"]["secrets"]
    assert secret == {"name": "ticket-key", "keyVaultUrl": "ticketKeyUri", "identity": "identityId"}


def test_the_worker_takes_its_command_line() -> None:
    port = str(body("worker.bicep", "variable", "port"))
    arguments = [port if argument == "string(port)" else argument for argument in worker_container()["args"]]
    settings = Settings.load(arguments, {"DIALTONE_TICKET_KEY": "A" * 44})
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)

    template = body("worker.bicep", "resource", "app")["properties"]["template"]
    assert settings.grace < template["terminationGracePeriodSeconds"] == 600
    streams_per_replica = body("worker.bicep", "parameter", "streamsPerReplica")
    assert streams_per_replica < settings.max_sessions


def test_the_worker_is_always_on_and_reachable() -> None:
    properties = body("worker.bicep", "resource", "app")["properties"]
    ingress = properties["configuration"]["ingress"]
    assert ingress == {"external": True, "targetPort": "port", "transport": "http", "allowInsecure": False}
    scale = properties["template"]["scale"]
    assert scale["minReplicas"] == 1
    assert [list(rule) for rule in scale["rules"]] == [["name", "http"]]
    probes = {probe["type"]: probe["httpGet"]["path"] for probe in worker_container()["probes"]}
    assert probes == {"Startup": "/healthz", "Liveness": "/healthz", "Readiness": "/readyz"}


def test_azd_finds_every_service() -> None:
    root_folder = INFRA.parent
    lines = (root_folder / "azure.yaml").read_text()
    assert lines.startswith("# yaml-language-server: $schema=")
    services = yaml.safe_load(lines)["services"]
    tagged = re.findall(r"'azd-service-name': '([\w-]+)'", "".join(text(root(file)) for file in FILES))
    assert sorted(services) == sorted(tagged)
    assert (root_folder / services["media-worker"]["docker"]["path"]).is_file()
    variable = f"SERVICE_{'media-worker'.upper().replace('-', '_')}_IMAGE_NAME"
    assert f"${{{variable}=}}" in (INFRA / "main.parameters.json").read_text()
