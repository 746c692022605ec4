"""What no Bicep compiler knows: that the infrastructure fits the code, and that it stays without keys.

Each test takes the templates that it looks at, so that test_planted_faults.py can hand it broken ones.
"""

import ast
import json
import re
from inspect import getclosurevars
from pathlib import Path
from typing import Any

import pytest
import yaml

from dialtone import storage
from dialtone.errors import ConfigurationError
from dialtone.storage.keeper import retention
from dialtone.storage.ledger import STANDARD
from functions.acs_settings import AcsSettings
from functions.settings import Settings as FunctionSettings
from media_worker.server import PING_SECONDS
from media_worker.settings import Settings
from tests.fakes import ROOT
from tests.functions.app import functions
from tests.infra.bicep import Templates, decorators, faults, parse, text, value, walk

# What the functions read and the templates leave alone, and why.
LEFT_ALONE = {
    "DIALTONE_ACS_KEY": "the identity has a role, and an access key is a key to keep",
    "DIALTONE_ACS_PLACE_KEY": "nobody may have the bot call unless an operator sets it",
    "DIALTONE_ACS_SOURCE": "only bots that place calls have one",
    "DIALTONE_ACS_METADATA": "the default is the platform's",
    "DIALTONE_ARCHIVE": "an archive is somebody else's account: docs/how-to/archive.md",
    "DIALTONE_ARCHIVE_LOCK_DAYS": "the same",
    "DIALTONE_ARCHIVE_STORAGE": "the same",
    "DIALTONE_CERTIFICATE_NAMES": "the default is the platform's",
    "DIALTONE_EVENTS_KEY": "events go to the queue, which needs none",
    "DIALTONE_FUNCTION_KEY": "auth has no function-key here: a key of the host is a key to keep",
    "DIALTONE_JWT_ISSUERS": "the default is the platform's",
    "DIALTONE_JWT_METADATA": "the default is the platform's",
    "DIALTONE_JWT_SKEW": "the default is the platform's",
    "DIALTONE_MAX_BODY": "the default is below what the host takes",
    "DIALTONE_PROMPT_CHANNELS": "the default fits every channel",
    "DIALTONE_PROMPT_EVENTS_KEY": "optional, subscribed by hand: docs/how-to/prompts.md",
    "DIALTONE_PROMPT_REFRESH": "the default lets an upload be heard at once",
    "DIALTONE_STORAGE": "a connection string is a key",
    "DIALTONE_TEAMS_CERTIFICATE": "the identity is the app: a certificate is a key",
    "DIALTONE_TEAMS_GRAPH": "the default is Microsoft's",
    "DIALTONE_TEAMS_LOGIN": "goes with the certificate",
    "DIALTONE_TEAMS_METADATA": "the default is the platform's",
    "DIALTONE_TEAMS_SPEECH_KEY": "an access key is a key",
}
HOST_SETTINGS = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__tableServiceUri",
}
WORKER_LEFT_ALONE = {
    "DIALTONE_ACS_KEYS": "the default is the platform's",
    "DIALTONE_AUTH": "its only value, loopback, is for a developer's machine",
    "DIALTONE_MEDIA_CHILD": "the worker tells it to the processes that it starts",
    "DIALTONE_PROMPT_CHANNELS": "the default fits every channel, and is the functions' too",
    "DIALTONE_PROMPT_REFRESH": "the default lets an upload be heard at once, and is the functions' too",
    "DIALTONE_STORAGE": "a connection string is a key",
}

# Refused or ignored on Flex Consumption, by the plan's documentation.
NOT_ON_FLEX = re.compile(
    "FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_RUN_FROM_PACKAGE|SCM_DO_BUILD_DURING_DEPLOYMENT"
    "|ENABLE_ORYX_BUILD|WEBSITE_CONTENT.*|WEBSITE_TIME_ZONE|TZ|AzureWebJobsStorage"
)

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageQueueDataMessageSender": "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "acrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "cognitiveServicesUser": "a97b65f3-24c7-4388-baec-2e87135dc908",
}
# Where each role is needed: a file, and what is in it that no lesser role allows.
NEEDED_BY = {
    "storageBlobDataOwner": ("dialtone/storage/account.py", "get_user_delegation_key"),
    "storageQueueDataMessageSender": ("dialtone/storage/queues.py", "<QueueMessage>"),
    "storageTableDataContributor": ("dialtone/storage/tables.py", "create_table"),
    "keyVaultSecretsUser": ("infra/functions.bicep", "@Microsoft.KeyVault"),
    "acrPull": ("infra/worker.bicep", "registries: [{ server: registryServer, identity: identityId }]"),
    "monitoringMetricsPublisher": ("infra/functions.bicep", "Authorization=AAD"),
    "contributor": ("functions/identity.py", "ManagedIdentityCredential"),
    "cognitiveServicesUser": ("infra/communication.bicep", "speech ? 'SystemAssigned'"),
}

# The one version of each type that is used. A preview only where there is nothing else.
TYPES = {
    "Microsoft.App/containerApps": "2025-07-01",
    "Microsoft.App/managedEnvironments": "2025-07-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.BotService/botServices": "2022-09-15",
    "Microsoft.BotService/botServices/channels": "2022-09-15",
    "Microsoft.CognitiveServices/accounts": "2025-06-01",
    "Microsoft.Communication/communicationServices": "2023-04-01",
    "Microsoft.ContainerRegistry/registries": "2025-04-01",
    "Microsoft.EventGrid/systemTopics": "2025-02-15",
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": "2025-02-15",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.KeyVault/vaults": "2024-11-01",
    "Microsoft.KeyVault/vaults/secrets": "2024-11-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Network/natGateways": "2024-05-01",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "2024-06-01",
    "Microsoft.Network/privateEndpoints": "2024-05-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "2024-05-01",
    "Microsoft.Network/publicIPAddresses": "2024-05-01",
    "Microsoft.Network/virtualNetworks": "2024-05-01",
    "Microsoft.OperationalInsights/workspaces": "2025-02-01",
    "Microsoft.Resources/resourceGroups": "2025-04-01",
    "Microsoft.Storage/storageAccounts": "2025-06-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "2025-06-01",
    "Microsoft.Storage/storageAccounts/managementPolicies": "2025-06-01",
    "Microsoft.Storage/storageAccounts/queueServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/queueServices/queues": "2025-06-01",
    "Microsoft.Storage/storageAccounts/tableServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/tableServices/tables": "2025-06-01",
    "Microsoft.Web/serverfarms": "2024-11-01",
    "Microsoft.Web/sites": "2024-11-01",
    "Microsoft.Web/sites/config": "2024-11-01",
}

# Parameters of the vault, and the secrets that they become.
SECRETS = {
    "appStateKey": "appstate-key",
    "ticketKey": "ticket-key",
    "signalKey": "signal-key",
    "eventsKey": "events-key",
}

SECOND_PHASE = {"events.bicep"}


def test_every_file_parses(infra: Templates) -> None:
    assert [fault for file in infra.files for fault in faults(infra.root(file))] == []


def test_a_broken_file_does_not_parse() -> None:
    assert faults(parse(b"param name string\nresource x 'T@1' = { name: }\n"))
    assert faults(parse(b"param name = \n"))


@pytest.mark.parametrize("kind", ["parameter", "output"])
def test_every_parameter_and_output_is_described(infra: Templates, kind: str) -> None:
    bare = [
        (file, name)
        for file in infra.files
        for name, node in infra.declarations(file, kind).items()
        if len(decorators(node).get("description", "")) < 7
    ]
    assert bare == []


def test_every_parameter_and_variable_is_used(infra: Templates) -> None:
    for file in infra.files:
        used = [text(node) for node in walk(infra.root(file)) if node.type == "identifier"]
        for kind in ("parameter", "variable"):
            assert [name for name in infra.declarations(file, kind) if used.count(name) < 2] == [], file


def test_every_type_is_known_at_one_version(infra: Templates) -> None:
    named = {
        str(value(node.named_children[1]))
        for file in infra.files
        for node in infra.declarations(file, "resource").values()
    }
    assert named == {f"{name}@{version}" for name, version in TYPES.items()}


def test_keys_come_in_as_secure_parameters(infra: Templates) -> None:
    secure = {
        (file, name)
        for file in infra.files
        for name, node in infra.declarations(file, "parameter").items()
        if "secure" in decorators(node)
    }
    keys = {(file, key) for file in ("main.bicep", "vault.bicep") for key in SECRETS}
    assert secure == {*keys, ("events.bicep", "endpointUrl")}


def test_a_module_is_given_what_it_takes(infra: Templates) -> None:
    for symbol, file in infra.modules().items():
        given = set(infra.body("main.bicep", "module", symbol)["params"])
        assert infra.required(file) <= given <= set(infra.declarations(file, "parameter")), file


def test_every_output_of_a_module_is_used_and_exists(infra: Templates) -> None:
    modules = infra.modules()
    given = {
        f"{symbol}.outputs.{name}" for symbol, file in modules.items() for name in infra.declarations(file, "output")
    }
    used = set(re.findall(r"\b\w+!?\.outputs\.\w+", text(infra.root("main.bicep"))))
    assert {use.replace("!", "") for use in used} == given
    assert set(infra.files) == {"main.bicep", *modules.values()} | SECOND_PHASE


def test_the_outputs_of_main_are_read_by_the_scripts(infra: Templates) -> None:
    read = "".join(path.read_text() for path in sorted((ROOT / "scripts").glob("*.sh")))
    unread = [
        name
        for name in infra.declarations("main.bicep", "output")
        if f"${name}" not in read and f"${{{name}" not in read
    ]
    assert unread == []


def test_the_parameters_file_fits(infra: Templates) -> None:
    given = infra.parameters()
    declared = infra.declarations("main.bicep", "parameter")
    assert given.keys() == declared.keys()
    for name, told in given.items():
        variable, _, default = told.removeprefix("${").removesuffix("}").partition("=")
        assert re.fullmatch(r"[A-Z_]+", variable), told
        if name in infra.required("main.bicep"):
            assert told == f"${{{variable}}}"
        else:
            assert default == str(infra.default(name)).replace("True", "true").replace("False", "false"), name
    # What azd writes after a deployment would overwrite what its user has set.
    variables = {told[2:-1].partition("=")[0] for told in given.values()}
    assert not variables & set(infra.declarations("main.bicep", "output"))


def settings_read(*paths: Path) -> set[str]:
    """The settings that are named as a whole in the code of these files."""
    constants = {
        str(node.value)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {name for name in constants if re.fullmatch(r"DIALTONE_[A-Z_]+|AZURE_CLIENT_ID", name)}


def function_settings(infra: Templates) -> dict[str, Any]:
    settings: dict[str, Any] = infra.body("functions.bicep", "variable", "settings")
    return settings


def test_the_functions_get_the_settings_that_they_read(infra: Templates) -> None:
    read = settings_read(*(ROOT / "functions").rglob("*.py"))
    assert set(LEFT_ALONE) <= read
    assert function_settings(infra).keys() == (read - LEFT_ALONE.keys()) | HOST_SETTINGS
    applied = infra.body("functions.bicep", "resource", "appSettings")["properties"]
    assert re.fullmatch(
        r"union\(settings, openTelemetry \? \{ AzureFunctionsJobHost__telemetryMode: 'OpenTelemetry' \} : \{\}\)",
        applied,
    )


def test_keys_come_from_the_vault(infra: Templates) -> None:
    for parameter, name in SECRETS.items():
        symbol = parameter.removesuffix("Key").lower() if parameter != "appStateKey" else "appState"
        secret = infra.body("vault.bicep", "resource", symbol)
        assert (secret["name"], secret["properties"]) == (name, {"value": parameter})
        uri = text(infra.declarations("vault.bicep", "output")[f"{parameter}Uri"].named_children[-1])
        assert uri == f"'${{vault.properties.vaultUri}}secrets/${{{symbol}.name}}'"
    read = {
        name: str(told) for name, told in function_settings(infra).items() if "KEY" in name and "CANARY" not in name
    }
    assert read == {
        f"DIALTONE_{name}": f"'@Microsoft.KeyVault(SecretUri=${{{parameter}Uri}})'"
        for name, parameter in (
            ("APPSTATE_KEY", "appStateKey"),
            ("ACS_EVENTS_KEY", "eventsKey"),
            ("SIGNAL_KEY", "signalKey"),
            ("TICKET_KEY", "ticketKey"),
        )
    }
    for module, uris in (("functions", ("appState", "signal", "events", "ticket")), ("worker", ("ticket", "signal"))):
        passed = infra.body("main.bicep", "module", module)["params"]
        for uri in uris:
            assert passed[f"{uri}KeyUri"] == f"vault.outputs.{uri}KeyUri"


def test_communication_services_are_as_the_programs_know_them(infra: Templates) -> None:
    outputs = {
        name: text(node.named_children[-1])
        for name, node in infra.declarations("communication.bicep", "output").items()
    }
    assert outputs["endpoint"] == "'https://${communication.properties.hostName}'"
    assert outputs["immutableId"] == "communication.properties.immutableResourceId"
    settings = function_settings(infra)
    given = {name: settings[f"DIALTONE_ACS_{name}"] for name in ("ENDPOINT", "RESOURCE_ID", "ANSWERS", "SPEECH")}
    passed = infra.body("main.bicep", "module", "functions")["params"]
    assert {name: passed[parameter] for name, parameter in given.items()} == {
        "ENDPOINT": "communication ? acs!.outputs.endpoint : ''",
        "RESOURCE_ID": "communication ? acs!.outputs.immutableId : ''",
        "ANSWERS": "communicationAnswers",
        "SPEECH": "communication && speech ? ai!.outputs.endpoint : ''",
    }
    # The worker takes the same tokens, and signals to the functions.
    worker = infra.body("main.bicep", "module", "worker")["params"]
    environment = {entry["name"]: entry.get("value") for entry in worker_container(infra)["env"]}
    assert worker[environment["DIALTONE_ACS_AUDIENCE"]] == passed[given["RESOURCE_ID"]]
    assert worker[environment["DIALTONE_PUBLIC_URL"]] == "functions.outputs.url"
    roles = infra.body("main.bicep", "module", "roles")["params"]
    assert roles["communicationName"] == "communication ? acs!.outputs.name : ''"
    assert roles["speechPrincipalId"] == "communication && speech ? acs!.outputs.principalId : ''"
    account = infra.body("speech.bicep", "resource", "account")["properties"]
    assert (account["customSubDomainName"], account["disableLocalAuth"]) == ("name", True)
    # Without an endpoint the functions have no such channel, whatever else is set.
    with pytest.raises(ConfigurationError, match="DIALTONE_ACS_ENDPOINT"):
        AcsSettings.from_environment({"DIALTONE_ACS_ENDPOINT": "", "DIALTONE_ACS_RESOURCE_ID": ""})


def test_callbacks_are_verified_by_default_and_as_the_functions_understand_it(infra: Templates) -> None:
    given = infra.parameters()
    settings = function_settings(infra)
    passed = infra.body("main.bicep", "module", "functions")["params"]
    environment = {
        "DIALTONE_APP_ID": "a",
        "DIALTONE_BOT": "b:b",
        "DIALTONE_PUBLIC_URL": "https://b.test",
        "DIALTONE_APPSTATE_KEY": "a2V5",
    }
    for name, parameter in settings.items():
        if name == "DIALTONE_AUTH" or name.startswith("DIALTONE_CERTIFICATE_"):
            assert passed[parameter] == parameter
            assert given[parameter] == f"${{{name}={infra.default(parameter)}}}"
            environment[name] = infra.default(parameter)
    understood = FunctionSettings.from_environment(environment)
    assert (understood.ways, understood.certificate_revocation) == (("jwt",), "require")
    for auth in re.findall(r"'([^']+)'", decorators(infra.declarations("main.bicep", "parameter")["auth"])["allowed"]):
        ways = FunctionSettings.from_environment(
            environment | {"DIALTONE_AUTH": auth, "DIALTONE_CERTIFICATE_ROOTS": "x"}
        ).ways
        assert "loopback" not in ways


def test_canaries_are_off_unless_they_are_asked_for(infra: Templates) -> None:
    assert infra.default("canary") is False
    assert function_settings(infra)["DIALTONE_CANARY_KEYS"] == "canaryKeys"
    passed = infra.body("main.bicep", "module", "functions")["params"]
    assert passed["canaryKeys"] == "canary ? canaryKeys : ''"


def test_the_teams_channel_goes_with_its_registration(infra: Templates) -> None:
    assert infra.default("teams") is False
    passed = infra.body("main.bicep", "module", "functions")["params"]
    assert passed["teamsTenant"] == "teams ? tenant().tenantId : ''"
    assert function_settings(infra)["DIALTONE_TEAMS_TENANT"] == "teamsTenant"
    given = infra.parameters()
    for name in ("teamsSpeech", "teamsInstance"):
        assert passed[name] == name
        assert infra.default(name) == ""
        assert given[name] == "${DIALTONE_TEAMS_" + name.removeprefix("teams").upper() + "=}"


def test_tokens_are_for_the_bot_that_is_registered(infra: Templates) -> None:
    passed = infra.body("main.bicep", "module", "functions")["params"]
    assert passed["appId"] == "empty(appId) ? identity.outputs.clientId : appId"
    bot = infra.body("bot.bicep", "resource", "bot")["properties"]
    assert bot["msaAppId"] == "empty(appId) ? identityClientId : appId"
    assert bot["msaAppType"] == "empty(appId) ? 'UserAssignedMSI' : 'SingleTenant'"


def test_the_platform_is_sent_to_the_route_that_takes_calls(infra: Templates) -> None:
    prefix = json.loads((ROOT / "host.json").read_text())["extensions"]["http"]["routePrefix"]
    trigger = next(each for each in functions()["calls"].get_bindings() if each.type == "httpTrigger")
    route = f"'${{functionsUrl}}/{prefix}/{trigger.route}'"
    assert infra.body("bot.bicep", "variable", "callsUrl") == route
    assert infra.body("bot.bicep", "resource", "bot")["properties"]["endpoint"] == "callsUrl"
    teams = infra.body("bot.bicep", "resource", "teamsChannel")["properties"]["properties"]
    assert teams["callingWebhook"] == "callsUrl"


def test_a_certificate_that_stands_alone_is_proved_by_the_handshake(infra: Templates) -> None:
    app = infra.body("functions.bicep", "resource", "app")["properties"]
    assert app["clientCertEnabled"] == "contains(auth, 'certificate')"
    assert app["clientCertMode"] == "auth == 'certificate' ? 'Required' : 'Optional'"
    assert "clientCertExclusionPaths" not in app


def test_no_other_setting_is_named_anywhere(infra: Templates) -> None:
    named = {
        name
        for file in infra.files
        for node in walk(infra.root(file))
        if node.type in ("identifier", "string_content") and node.parent is not None
        for name in re.findall(r"\bDIALTONE_\w+", text(node))
    }
    outputs = set(infra.declarations("main.bicep", "output"))
    expected = {*function_settings(infra), *(entry["name"] for entry in worker_container(infra)["env"]), *outputs}
    assert named == {name for name in expected if name.startswith("DIALTONE_")}


def test_no_setting_of_another_plan(infra: Templates) -> None:
    for file in infra.files:
        for node in walk(infra.root(file)):
            if node.type in ("identifier", "string_content"):
                assert not NOT_ON_FLEX.fullmatch(text(node)), f"{file}: {text(node)}"
    assert "basicPublishingCredentialsPolicies" not in text(infra.root("functions.bicep"))


def test_the_functions_run_on_flex_consumption(infra: Templates) -> None:
    assert infra.body("functions.bicep", "resource", "plan")["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    config = infra.body("functions.bicep", "resource", "app")["properties"]["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "3.13"}
    assert config["deployment"]["storage"]["authentication"]["type"] == "UserAssignedIdentity"
    passed = infra.body("main.bicep", "module", "functions")["params"]
    scale = config["scaleAndConcurrency"]
    assert scale == {
        "instanceMemoryMB": "instanceMemoryMB",
        "alwaysReady": [{"name": "http", "instanceCount": "alwaysReadyInstances"}],
        "maximumInstanceCount": "maximumInstances",
        "triggers": {"http": {"perInstanceConcurrency": "httpConcurrency"}},
    }
    defaults = {"instanceMemoryMB": 2048, "alwaysReadyInstances": 1, "maximumInstances": 40, "httpConcurrency": 16}
    assert {name: infra.default(passed[name]) for name in defaults} == defaults


def test_containers_and_tables_are_those_of_the_code(infra: Templates) -> None:
    containers = {storage.PROMPTS_CONTAINER, storage.VERSIONS_CONTAINER, storage.RECORDINGS_CONTAINER}
    assert set(infra.body("storage.bicep", "variable", "containers")) == containers | {"deployments"}
    tables = [storage.CALLS_TABLE, storage.INDEX_TABLE, storage.DATA_TABLE, storage.LEDGER_TABLE, storage.PROMPTS_TABLE]
    tables.append(storage.AUDIT_TABLE)
    assert infra.body("storage.bicep", "variable", "queues") == [storage.EVENTS_QUEUE]
    assert text(infra.root("storage.bicep")).count("in queues:") == 1
    assert infra.body("storage.bicep", "variable", "tables") == tables
    assert text(infra.root("storage.bicep")).count("in containers:") == 1
    assert text(infra.root("storage.bicep")).count("in tables:") == 1
    url = infra.declarations("storage.bicep", "output")["deploymentContainerUrl"].named_children[-1]
    assert text(url) == "'${account.properties.primaryEndpoints.blob}deployments'"


def test_storage_is_private_and_without_keys(infra: Templates) -> None:
    properties = infra.body("storage.bicep", "resource", "account")["properties"]
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert properties["allowSharedKeyAccess"] is False
    assert properties["allowBlobPublicAccess"] is False
    assert properties["supportsHttpsTrafficOnly"] is True
    assert infra.body("storage.bicep", "resource", "container")["properties"] == {"publicAccess": "None"}


def test_what_is_deleted_by_mistake_comes_back(infra: Templates) -> None:
    blobs = infra.body("storage.bicep", "resource", "blobs")["properties"]
    assert blobs["isVersioningEnabled"] is True
    assert blobs["deleteRetentionPolicy"] == blobs["containerDeleteRetentionPolicy"] == {"enabled": True, "days": 7}


def test_recordings_are_deleted_by_rule_with_their_versions(infra: Templates) -> None:
    rules = infra.body("storage.bicep", "resource", "lifecycle")["properties"]["policy"]["rules"]
    recordings, former = (rule["definition"] for rule in rules)
    assert recordings["filters"]["prefixMatch"] == [f"{storage.RECORDINGS_CONTAINER}/"]
    # The functions delete what its retention has ended for; a rule would not know of a legal hold.
    days = {"baseBlob": "recordingLastDays", "version": "recordingRetentionDays"}
    assert recordings["actions"] == {
        kind: {"delete": {"daysAfterCreationGreaterThan": each}} for kind, each in days.items()
    }
    assert infra.default("recordingLastDays") >= 3650
    passed = infra.body("main.bicep", "module", "functions")["params"]
    assert passed["retention"] == (
        "'standard=${recordingRetentionDays}${empty(recordingClasses) ? '' : ','}${recordingClasses}'"
    )
    assert function_settings(infra)["DIALTONE_RETENTION"] == "retention"
    assert retention("standard=30") == {STANDARD: infra.default("recordingRetentionDays")}
    assert former["filters"]["prefixMatch"] == [f"{storage.PROMPTS_CONTAINER}/", "deployments/"]
    assert former["actions"] == {"version": {"delete": {"daysAfterCreationGreaterThan": "promptVersionDays"}}}


def test_nothing_is_read_with_a_key(infra: Templates) -> None:
    for file in infra.files:
        calls = [text(node.named_children[0]) for node in walk(infra.root(file)) if node.type == "call_expression"]
        assert not [call for call in calls if "list" in call.lower()], file
    assert infra.body("monitoring.bicep", "resource", "insights")["properties"]["DisableLocalAuth"] is True
    workspace = infra.body("monitoring.bicep", "resource", "workspace")["properties"]
    assert workspace["features"] == {"disableLocalAuth": True}
    assert infra.body("registry.bicep", "resource", "registry")["properties"]["adminUserEnabled"] is False
    assert infra.body("vault.bicep", "resource", "vault")["properties"]["enableRbacAuthorization"] is True
    assert infra.body("bot.bicep", "resource", "bot")["properties"]["disableLocalAuth"] is True


def test_roles_are_the_least_and_in_one_file(infra: Templates) -> None:
    assert infra.body("roles.bicep", "variable", "roles") == ROLES
    assignments = []
    for file in infra.files:
        for symbol, node in infra.declarations(file, "resource").items():
            if str(value(node.named_children[1])).startswith("Microsoft.Authorization/roleAssignments@"):
                assert file == "roles.bicep"
                assignments.append(infra.body(file, "resource", symbol))
    given = [re.findall(r"roles\.(\w+)", assignment["properties"]["roleDefinitionId"]) for assignment in assignments]
    assert sorted(given) == sorted([name] for name in ROLES)
    for assignment, (role,) in zip(assignments, given, strict=True):
        assert assignment["properties"]["principalType"] == "ServicePrincipal"
        # A role on the group would be one on all that is in it.
        assert assignment["scope"] in infra.declarations("roles.bicep", "resource")
        assert f"roles.{role})" in assignment["name"]


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_needed(role: str) -> None:
    file, call = NEEDED_BY[role]
    assert call in (ROOT / file).read_text()


def test_roles_exist_before_the_programs(infra: Templates) -> None:
    for symbol in ("functions", "worker"):
        assert infra.body("main.bicep", "module", symbol)["dependsOn"] == ["roles"]


def test_private_networking_closes_the_doors_and_opens_the_ways(infra: Templates) -> None:
    closed = "privateNetworking ? 'Disabled' : 'Enabled'"
    assert infra.body("storage.bicep", "resource", "account")["properties"]["publicNetworkAccess"] == closed
    assert infra.body("vault.bicep", "resource", "vault")["properties"]["publicNetworkAccess"] == closed
    endpoints = infra.body("network.bicep", "variable", "endpoints")
    assert [(each["group"], each["resourceId"]) for each in endpoints] == [
        ("blob", "storageId"),
        ("queue", "storageId"),
        ("table", "storageId"),
        ("vault", "vaultId"),
    ]
    subnets = infra.body("network.bicep", "resource", "network")["properties"]["subnets"]
    for subnet in subnets[:2]:
        (delegation,) = subnet["properties"]["delegations"]
        assert delegation["properties"] == {"serviceName": "Microsoft.App/environments"}
        assert subnet["properties"]["natGateway"] == {"id": "gateway.id"}
    for module, name in (("functions", "functions"), ("environment", "worker")):
        given = infra.body("main.bicep", "module", module)["params"]["subnetId"]
        assert given == f"privateNetworking ? network!.outputs.{name}SubnetId : ''"
        assert f"'{name}'" in text(infra.declarations("network.bicep", "output")[f"{name}SubnetId"])
        assert name in [each["name"] for each in subnets]
    assert infra.default("privateNetworking") is False


def worker_container(infra: Templates) -> dict[str, Any]:
    (container,) = infra.body("worker.bicep", "resource", "app")["properties"]["template"]["containers"]
    assert isinstance(container, dict)
    return container


def test_the_worker_gets_the_settings_that_it_reads(infra: Templates) -> None:
    read = settings_read(*(ROOT / "media_worker").rglob("*.py"))
    set_ = {entry["name"]: entry.get("secretRef") or entry["value"] for entry in worker_container(infra)["env"]}
    assert set(WORKER_LEFT_ALONE) <= read
    assert set(set_) == read - WORKER_LEFT_ALONE.keys()
    secrets = infra.body("worker.bicep", "resource", "app")["properties"]["configuration"]["secrets"]
    assert secrets == [
        {"name": f"{key}-key", "keyVaultUrl": f"{key}KeyUri", "identity": "identityId"} for key in ("ticket", "signal")
    ]
    assert (set_["DIALTONE_TICKET_KEY"], set_["DIALTONE_SIGNAL_KEY"]) == ("ticket-key", "signal-key")


def test_the_worker_takes_its_command_line(infra: Templates) -> None:
    port = str(infra.body("worker.bicep", "variable", "port"))
    arguments = [port if argument == "string(port)" else argument for argument in worker_container(infra)["args"]]
    settings = Settings.load(arguments, {"DIALTONE_TICKET_KEY": "A" * 44})
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)

    template = infra.body("worker.bicep", "resource", "app")["properties"]["template"]
    assert settings.grace < template["terminationGracePeriodSeconds"] == 600
    streams_per_replica = infra.body("worker.bicep", "parameter", "streamsPerReplica")
    assert streams_per_replica < settings.max_sessions
    told = decorators(infra.declarations("worker.bicep", "parameter")["streamsPerReplica"])["description"]
    assert f"refuses at {settings.max_sessions}." in told


def test_the_image_is_what_the_template_starts(infra: Templates) -> None:
    dockerfile = (ROOT / "media_worker/Dockerfile").read_text()
    port = infra.body("worker.bicep", "variable", "port")
    assert f"EXPOSE {port}\n" in dockerfile
    assert f"127.0.0.1:{port}/healthz" in dockerfile
    assert f"ENTRYPOINT {json.dumps(['python', '-m', 'media_worker'])}\n" in dockerfile
    assert "['python', '-m', 'media_worker']" in worker_container(infra)["command"]


def test_the_worker_is_always_on_and_reachable(infra: Templates) -> None:
    properties = infra.body("worker.bicep", "resource", "app")["properties"]
    ingress = properties["configuration"]["ingress"]
    assert ingress == {"external": True, "targetPort": "port", "transport": "http", "allowInsecure": False}
    scale = properties["template"]["scale"]
    passed = infra.body("main.bicep", "module", "worker")["params"]
    assert infra.default(passed[scale["minReplicas"]]) == 1
    assert decorators(infra.declarations("main.bicep", "parameter")[passed[scale["minReplicas"]]])["minValue"] == "1"
    (rule,) = scale["rules"]
    assert rule["http"] == {"metadata": {"concurrentRequests": "string(streamsPerReplica)"}}
    probes = {probe["type"]: probe["httpGet"]["path"] for probe in worker_container(infra)["probes"]}
    assert probes == {"Startup": "/healthz", "Liveness": "/healthz", "Readiness": "/readyz"}


def test_a_silent_stream_outlives_the_ingress(infra: Templates) -> None:
    (idle,) = re.findall(r"silent for (\d+) s is cut", text(infra.root("worker.bicep")))
    assert int(idle) == 240  # of Container Apps; only its premium ingress can be told another
    assert PING_SECONDS < 240 / 2


def test_calls_are_swept_after_the_functions_had_their_time(infra: Templates) -> None:
    minutes = int(json.loads((ROOT / "host.json").read_text())["functionTimeout"].split(":")[1])
    assert infra.default("sweepAfterSeconds") > minutes * 60


def test_alerts_look_for_what_is_logged(infra: Templates) -> None:
    code = "".join(path.read_text() for path in (ROOT / "functions").glob("*.py"))
    queries = [alert["query"] for alert in infra.body("alerts.bicep", "variable", "logAlerts")]
    items = json.loads((infra.folder / "workbook.json").read_text())["items"]
    queries += [item["content"]["query"] for item in items if item["type"] == 3]
    assert len(queries) == 7
    # The functions that a platform posts to.
    callbacks = [
        name
        for name, function in functions().items()
        if (trigger := function.get_trigger().get_dict_repr())["type"] == "httpTrigger"
        and "POST" in [str(getattr(method, "value", method)) for method in trigger["methods"]]
        and getclosurevars(function.get_user_function()).nonlocals["verifier"].__name__
        in ("platform", "event_grid", "call_automation")
    ]
    callbacks.sort(key=lambda name: (name != "calls", name != "acs_events", name))
    for query in queries:
        assert query.split(" | ")[0] in ("traces", "requests")
        for said in re.findall(r'message has "([^"]+)"', query):
            assert re.search(rf"log\.\w+\(\s*\"[^\"]*{re.escape(said)}", code), said
        for named in re.findall(r"operation_Name in \(([^)]+)\)", query):
            assert re.findall(r'"([^"]+)"', named) == callbacks


def test_what_alerts_are_for(infra: Templates) -> None:
    names = [alert["name"] for alert in infra.body("alerts.bicep", "variable", "logAlerts")]
    names += [alert["name"] for alert in infra.body("alerts.bicep", "variable", "workerAlerts")]
    assert names == ["lost-calls", "failed-callbacks", "failed-dialogs", "dead-air", "worker-full", "worker-refuses"]


def test_event_grid_is_not_in_the_first_phase(infra: Templates) -> None:
    assert "events.bicep" not in infra.modules().values()
    for symbol, minutes in (("incomingCalls", 1), ("recordings", 24 * 60)):
        properties = infra.body("events.bicep", "resource", symbol)["properties"]
        assert properties["retryPolicy"]["eventTimeToLiveInMinutes"] == minutes
        assert properties["destination"]["properties"]["endpointUrl"] == "endpointUrl"


def test_azd_finds_every_service(infra: Templates) -> None:
    lines = (ROOT / "azure.yaml").read_text()
    assert lines.startswith("# yaml-language-server: $schema=")
    services = yaml.safe_load(lines)["services"]
    tagged = re.findall(r"'azd-service-name': '([\w-]+)'", "".join(text(infra.root(file)) for file in infra.files))
    assert sorted(services) == sorted(tagged)
    assert (ROOT / services["media-worker"]["docker"]["path"]).is_file()
    variable = f"SERVICE_{'media-worker'.upper().replace('-', '_')}_IMAGE_NAME"
    assert infra.parameters()["workerImage"] == f"${{{variable}=}}"
