"""A check is worth something only if it fails where something is wrong: faults are planted in copies of the files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes import ROOT
from tests.infra import test_bicep as checks
from tests.infra.bicep import Templates

BICEPCHECK = os.environ.get("BICEPCHECK", "")


@dataclass
class Fault:
    """In `file`, `right` is replaced by `wrong`; `check` has to notice."""

    name: str
    file: str
    right: str
    wrong: str
    check: Callable[[Templates], None]


FAULTS = [
    Fault("a brace too many", "vault.bicep", "family: 'A',", "family: 'A' },", checks.test_every_file_parses),
    Fault(
        "an API version that is none",
        "storage.bicep",
        "storageAccounts@2025-06-01' = {",
        "storageAccounts@2025-06-31' = {",
        checks.test_every_type_is_known_at_one_version,
    ),
    Fault(
        "a property misspelt",
        "storage.bicep",
        "allowSharedKeyAccess: false",
        "allowSharedKeyAcess: false",
        checks.test_storage_is_private_and_without_keys,
    ),
    Fault(
        "account keys allowed",
        "storage.bicep",
        "allowSharedKeyAccess: false",
        "allowSharedKeyAccess: true",
        checks.test_storage_is_private_and_without_keys,
    ),
    Fault(
        "a wrong container",
        "storage.bicep",
        "['prompts', 'promptversions', 'recordings', 'deployments']",
        "['prompts', 'promptversions', 'recording', 'deployments']",
        checks.test_containers_and_tables_are_those_of_the_code,
    ),
    Fault(
        "a table missing",
        "storage.bicep",
        "['calls', 'callindex', 'calldata', 'recordings', 'prompts', 'audit']",
        "['calls', 'callindex']",
        checks.test_containers_and_tables_are_those_of_the_code,
    ),
    Fault(
        "recordings kept as versions",
        "storage.bicep",
        "              version: { delete: { daysAfterCreationGreaterThan: recordingRetentionDays } }\n",
        "",
        checks.test_recordings_are_deleted_by_rule_with_their_versions,
    ),
    Fault(
        "a role missing",
        "roles.bicep",
        "  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'\n",
        "",
        checks.test_roles_are_the_least_and_in_one_file,
    ),
    Fault(
        "a role that is another one",
        "roles.bicep",
        "keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'",
        "keyVaultSecretsUser: '00482a5a-887f-4fb3-b363-3b7fe8e74483'",
        checks.test_roles_are_the_least_and_in_one_file,
    ),
    Fault(
        "a role on the whole group",
        "roles.bicep",
        "  scope: vault\n",
        "  scope: resourceGroup()\n",
        checks.test_roles_are_the_least_and_in_one_file,
    ),
    Fault(
        "a setting not set",
        "functions.bicep",
        "  DIALTONE_STORAGE_ACCOUNT: storageName\n",
        "",
        checks.test_the_functions_get_the_settings_that_they_read,
    ),
    Fault(
        "a setting that nobody reads",
        "functions.bicep",
        "  DIALTONE_BOT: bot\n",
        "  DIALTONE_BOT_MODULE: bot\n",
        checks.test_the_functions_get_the_settings_that_they_read,
    ),
    Fault(
        "a setting of another plan",
        "functions.bicep",
        "  AZURE_CLIENT_ID: identityClientId\n",
        "  AZURE_CLIENT_ID: identityClientId\n  FUNCTIONS_WORKER_RUNTIME: 'python'\n",
        checks.test_no_setting_of_another_plan,
    ),
    Fault(
        "a key as plain text",
        "main.bicep",
        "@secure()\n@minLength(44)\n@description('Key that signs AppState",
        "@minLength(44)\n@description('Key that signs AppState",
        checks.test_keys_come_in_as_secure_parameters,
    ),
    Fault(
        "no concurrency",
        "functions.bicep",
        "        triggers: { http: { perInstanceConcurrency: httpConcurrency } }\n",
        "",
        checks.test_the_functions_run_on_flex_consumption,
    ),
    Fault(
        "nothing kept warm",
        "functions.bicep",
        "{ name: 'http', instanceCount: alwaysReadyInstances }",
        "{ name: 'https', instanceCount: alwaysReadyInstances }",
        checks.test_the_functions_run_on_flex_consumption,
    ),
    Fault(
        "another Python than the package is built for",
        "functions.bicep",
        "version: '3.13'",
        "version: '3.12'",
        checks.test_the_functions_run_on_flex_consumption,
    ),
    Fault(
        "an optional certificate that stands alone",
        "functions.bicep",
        "auth == 'certificate' ? 'Required' : 'Optional'",
        "'Optional'",
        checks.test_a_certificate_that_stands_alone_is_proved_by_the_handshake,
    ),
    Fault(
        "canaries that cannot be switched off",
        "main.bicep",
        "canaryKeys: canary ? canaryKeys : ''",
        "canaryKeys: canaryKeys",
        checks.test_canaries_are_off_unless_they_are_asked_for,
    ),
    Fault(
        "a wrong route",
        "bot.bicep",
        "/api/calls'",
        "/api/call'",
        checks.test_the_platform_is_sent_to_the_route_that_takes_calls,
    ),
    Fault(
        "a worker that is cut off before its calls end",
        "worker.bicep",
        "'--grace', '590'",
        "'--grace', '3600'",
        checks.test_the_worker_takes_its_command_line,
    ),
    Fault(
        "a worker that refuses before it scales",
        "worker.bicep",
        "param streamsPerReplica int = 100",
        "param streamsPerReplica int = 200",
        checks.test_the_worker_takes_its_command_line,
    ),
    Fault(
        "a worker that scales to nothing",
        "main.bicep",
        "param workerMinimumReplicas int = 1",
        "param workerMinimumReplicas int = 0",
        checks.test_the_worker_is_always_on_and_reachable,
    ),
    Fault(
        "a worker without its key",
        "worker.bicep",
        "name: 'DIALTONE_TICKET_KEY', secretRef",
        "name: 'DIALTONE_TICKETKEY', secretRef",
        checks.test_the_worker_gets_the_settings_that_it_reads,
    ),
    Fault(
        "two secrets exchanged",
        "functions.bicep",
        "DIALTONE_SIGNAL_KEY: '@Microsoft.KeyVault(SecretUri=${signalKeyUri})'",
        "DIALTONE_SIGNAL_KEY: '@Microsoft.KeyVault(SecretUri=${eventsKeyUri})'",
        checks.test_keys_come_from_the_vault,
    ),
    Fault(
        "a key that is no reference",
        "functions.bicep",
        "DIALTONE_ACS_EVENTS_KEY: '@Microsoft.KeyVault(SecretUri=${eventsKeyUri})'",
        "DIALTONE_ACS_EVENTS_KEY: eventsKeyUri",
        checks.test_keys_come_from_the_vault,
    ),
    Fault(
        "another id of the resource as the audience",
        "communication.bicep",
        "communication.properties.immutableResourceId",
        "communication.id",
        checks.test_communication_services_are_as_the_programs_know_them,
    ),
    Fault(
        "an endpoint without https",
        "communication.bicep",
        "'https://${communication.properties.hostName}'",
        "communication.properties.hostName",
        checks.test_communication_services_are_as_the_programs_know_them,
    ),
    Fault(
        "tokens that the worker does not know",
        "main.bicep",
        "    functionsUrl: functions.outputs.url\n    communicationId: communication ? acs!.outputs.immutableId : ''\n",
        "    functionsUrl: functions.outputs.url\n    communicationId: ''\n",
        checks.test_communication_services_are_as_the_programs_know_them,
    ),
    Fault(
        "signals sent to the worker itself",
        "worker.bicep",
        "name: 'DIALTONE_PUBLIC_URL', value: functionsUrl",
        "name: 'DIALTONE_PUBLIC_URL', value: registryServer",
        checks.test_communication_services_are_as_the_programs_know_them,
    ),
    Fault(
        "the worker's key of signals from nowhere",
        "worker.bicep",
        "keyVaultUrl: signalKeyUri",
        "keyVaultUrl: ticketKeyUri",
        checks.test_the_worker_gets_the_settings_that_it_reads,
    ),
    Fault(
        "no role on Communication Services",
        "main.bicep",
        "communicationName: communication ? acs!.outputs.name : ''",
        "communicationName: ''",
        checks.test_communication_services_are_as_the_programs_know_them,
    ),
    Fault(
        "another probe",
        "worker.bicep",
        "httpGet: { path: '/readyz'",
        "httpGet: { path: '/ready'",
        checks.test_the_worker_is_always_on_and_reachable,
    ),
    Fault(
        "programs before their roles",
        "main.bicep",
        "network!.outputs.functionsSubnetId : ''\n  }\n  dependsOn: [roles]\n",
        "network!.outputs.functionsSubnetId : ''\n  }\n",
        checks.test_roles_exist_before_the_programs,
    ),
    Fault(
        "a parameter that a module has not",
        "main.bicep",
        "    recordingRetentionDays: recordingRetentionDays\n",
        "    retentionDays: recordingRetentionDays\n",
        checks.test_a_module_is_given_what_it_takes,
    ),
    Fault(
        "an output that a module has not",
        "main.bicep",
        "storage.outputs.tableEndpoint",
        "storage.outputs.tablesEndpoint",
        checks.test_every_output_of_a_module_is_used_and_exists,
    ),
    Fault(
        "an alert on what nobody logs",
        "alerts.bicep",
        'has "the call is lost"',
        'has "the call was lost"',
        checks.test_alerts_look_for_what_is_logged,
    ),
    Fault(
        "a subscription before the code",
        "main.bicep",
        "// Calls from telephones.\n",
        "module events 'events.bicep' = {\n  name: 'events'\n  scope: group\n  params: {}\n}\n",
        checks.test_event_grid_is_not_in_the_first_phase,
    ),
    Fault(
        "a vault that stays open",
        "vault.bicep",
        "publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'",
        "publicNetworkAccess: 'Enabled'",
        checks.test_private_networking_closes_the_doors_and_opens_the_ways,
    ),
    Fault(
        "an output that no script reads",
        "main.bicep",
        "output DIALTONE_MEDIA_URL",
        "output DIALTONE_WORKER_URL",
        checks.test_the_outputs_of_main_are_read_by_the_scripts,
    ),
    Fault(
        "a default that the parameters file changes",
        "main.parameters.json",
        "${DIALTONE_AUTH=jwt}",
        "${DIALTONE_AUTH=certificate}",
        checks.test_the_parameters_file_fits,
    ),
]  # fmt: skip

# Those that only the types of the resources tell: file, what is right, what is wrong, the code of the finding.
TYPE_FAULTS = {
    "an unknown property": ("worker.bicep", "allowInsecure: false", "allowUnsecure: false", "unknown-property"),
    "a missing property": ("bot.bicep", "    displayName: displayName\n", "", "missing-property"),
    "text for a number": ("events.bicep", "maxDeliveryAttempts: 5", "maxDeliveryAttempts: '5'", "type"),
    "a value that is none": ("events.bicep", "endpointType: 'WebHook'", "endpointType: 'Webhook'", "enum"),
    "an undefined symbol": ("registry.bicep", "location: location", "location: region", "undefined"),
    "an unknown function": ("storage.bicep", "in tables:", "in sorted(tables):", "unknown-function"),
    "a property that a resource has not": (
        "functions.bicep",
        "app.properties.defaultHostName",
        "app.properties.hostName",
        "no-such-property",
    ),
}


def planted(tmp_path: Path, file: str, right: str, wrong: str) -> Path:
    """A copy of the templates with one fault."""
    folder = tmp_path / "infra"
    shutil.copytree(ROOT / "infra", folder)
    sound = (folder / file).read_text()
    assert right in sound, f"{file} has changed: plant this fault anew"
    (folder / file).write_text(sound.replace(right, wrong))
    return folder


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_noticed(fault: Fault, infra: Templates, tmp_path: Path) -> None:
    fault.check(infra)
    broken = Templates(planted(tmp_path, fault.file, fault.right, fault.wrong))
    with pytest.raises((AssertionError, LookupError, ValueError)):
        fault.check(broken)


def bicepcheck(folder: Path) -> subprocess.CompletedProcess[str]:
    files = sorted(map(str, folder.glob("*.bicep")))
    command = [sys.executable, f"{BICEPCHECK}/bicepcheck.py", *files]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not BICEPCHECK, reason="BICEPCHECK names no folder with bicepcheck.py")
@pytest.mark.parametrize("name", TYPE_FAULTS)
def test_a_fault_of_types_is_noticed(name: str, tmp_path: Path) -> None:
    file, right, wrong, code = TYPE_FAULTS[name]
    assert bicepcheck(ROOT / "infra").returncode == 0
    done = bicepcheck(planted(tmp_path, file, right, wrong))
    assert done.returncode == 1
    assert f"[{code}]" in done.stdout
