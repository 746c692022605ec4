// Everything one environment of the kit needs, in one resource group.
//
// One user-assigned identity does all the work; no account key is used anywhere. Its roles are in roles.bicep and
// exist before the programs that need them. The code itself is brought by `azd deploy` (azure.yaml) or by
// scripts/deploy.sh; events.bicep, the second phase, comes after it.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the environment; names and tags are made from it.')
param environmentName string

@minLength(1)
@description('Region of every resource. Flex Consumption must be offered there.')
param location string

@description('The bot to run, as module:attribute.')
param bot string = 'bots.reception:bot'

@allowed(['jwt', 'certificate', 'jwt+certificate'])
@description('How callbacks are verified: jwt, certificate, or jwt+certificate.')
param auth string = 'jwt'

@description('App id of the bot, the audience of its tokens: an app registration of this tenant. Empty: the identity.')
param appId string = ''

@minLength(1)
@maxLength(42)
@description('Name that callers see.')
param botDisplayName string = 'Dialtone'

@description('Whether Teams users can call the bot.')
param teams bool = false

@description('Address of a speech resource, for texts in Teams; its role for the identity is Cognitive Services User.')
param teamsSpeech string = ''

@description('Object id of the Teams resource account by which the bot calls telephones.')
param teamsInstance string = ''

@description('Whether there is a Communication Services resource, for calls from telephones.')
param communication bool = false

@description('Where Communication Services keep data at rest, such as Europe or United States.')
param communicationDataLocation string = 'Europe'

@description('Whom the bot answers for on Communication Services, as 4:+15550199, by commas. Empty: all that ring.')
param communicationAnswers string = ''

@description('Whether calls from telephones hear texts and can be spoken to: an AI services account. Needs communication.')
param speech bool = false

@description('Roots of client certificates: PEM, or the path of a file in the package. Needed with certificate.')
param certificateRoots string = ''

@description('Issuers between client certificates and a root: PEM, or the path of a file in the package.')
param certificateIntermediates string = ''

@allowed(['require', 'allow'])
@description('What becomes of client certificates that could not be checked for revocation: require or allow.')
param certificateRevocation string = 'require'

@description('Whether an operator may place canaries: test calls that do not run the bot.')
param canary bool = false

@description('Public keys of those who place canaries, by commas: base64 of DER. Needed with canary.')
param canaryKeys string = ''

@minValue(60)
@description('Seconds without a callback after which a call is swept.')
param sweepAfterSeconds int = 3600

@description('Application id of the operators\' console in Entra; empty for no console. docs/how-to/console.md.')
param consoleAppId string = ''

@minValue(1)
@description('Days after which a recording is deleted. Soft delete keeps it restorable for 7 days more.')
param recordingRetentionDays int = 30

@description('More classes of retention, such as complaint=3650,training=0: days by name, by commas; 0 is for ever.')
param recordingClasses string = ''

@minValue(1)
@description('Days after which a recording is deleted whatever its class, a legal hold included.')
param recordingLastDays int = 3650

@allowed(['queue', ''])
@description('Who is told of recordings that are stored: queue, or empty for nobody.')
param events string = 'queue'

@allowed(['shown', 'masked', 'hashed'])
@description('How callers are written into recordings and shown to operators: shown, masked or hashed.')
param callers string = 'masked'

@minValue(1)
@description('Days after which the former versions of a prompt, and of the functions\' package, are deleted.')
param promptVersionDays int = 30

@minValue(40)
@maxValue(1000)
@description('Most instances that the functions may scale out to.')
param functionsMaximumInstances int = 40

@minValue(0)
@maxValue(20)
@description('Instances of the functions that are kept warm. With none, the first caller hears the start as silence.')
param functionsAlwaysReady int = 1

@allowed([512, 2048, 4096])
@description('Memory of an instance of the functions, in MB.')
param functionsInstanceMemoryMB int = 2048

@minValue(1)
@maxValue(1000)
@description('Callbacks that one instance of the functions takes at the same time.')
param functionsHttpConcurrency int = 16

@minValue(1)
@description('Least replicas of the media worker.')
param workerMinimumReplicas int = 1

@minValue(1)
@description('Most replicas that the media worker may scale out to.')
param workerMaximumReplicas int = 10

@description('Whether telemetry of the functions host is OpenTelemetry rather than Application Insights\' own.')
param openTelemetry bool = false

@description('Address that alerts are mailed to; empty for none.')
param alertEmail string = ''

@description('Whether storage and vault are reached by private endpoints only. To be chosen when the environment is made.')
param privateNetworking bool = false

@description('Image of the media worker. Empty on the first provision: `azd deploy` builds it and keeps its name.')
param workerImage string = ''

@secure()
@minLength(44)
@description('Key that signs AppState: base64 of 32 bytes or more (openssl rand -base64 32).')
param appStateKey string

@secure()
@minLength(44)
@description('Key that signs the tickets of media streams: base64 of 32 bytes or more (openssl rand -base64 32).')
param ticketKey string

@secure()
@minLength(44)
@description('Key of the signals from media streams: base64 of 32 bytes or more (openssl rand -base64 32).')
param signalKey string

@secure()
@minLength(32)
@description('Secret of the address that takes Event Grid\'s events: letters and digits (openssl rand -hex 32).')
param eventsKey string

var token = toLower(uniqueString(subscription().id, environmentName, location))
var workerName = 'ca-${token}'
var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

// Who the functions and the worker are.
module identity 'identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

// Where logs and traces go.
module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: 'log-${token}'
    insightsName: 'appi-${token}'
    location: location
    tags: tags
  }
}

// The journal of calls, prompts and recordings; also the functions' own storage.
module storage 'storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    recordingRetentionDays: recordingRetentionDays
    recordingLastDays: recordingLastDays
    promptVersionDays: promptVersionDays
    privateNetworking: privateNetworking
  }
}

// The keys that the programs share.
module vault 'vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    privateNetworking: privateNetworking
    appStateKey: appStateKey
    ticketKey: ticketKey
    signalKey: signalKey
    eventsKey: eventsKey
  }
}

// The media worker's images.
module registry 'registry.bicep' = {
  name: 'registry'
  scope: group
  params: {
    name: 'cr${token}'
    location: location
    tags: tags
  }
}

// Calls from telephones.
module acs 'communication.bicep' = if (communication) {
  name: 'communication'
  scope: group
  params: {
    name: 'acs-${token}'
    tags: tags
    dataLocation: communicationDataLocation
    speech: speech
  }
}

// Texts and words in those calls.
module ai 'speech.bicep' = if (communication && speech) {
  name: 'speech'
  scope: group
  params: {
    name: 'ai-${token}'
    location: location
    tags: tags
  }
}

// What the identity may do.
module roles 'roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    registryName: registry.outputs.name
    insightsName: monitoring.outputs.insightsName
    communicationName: communication ? acs!.outputs.name : ''
    speechName: communication && speech ? ai!.outputs.name : ''
    speechPrincipalId: communication && speech ? acs!.outputs.principalId : ''
  }
}

// The way to storage and vault, where the internet is none.
module network 'network.bicep' = if (privateNetworking) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-${token}'
    location: location
    tags: tags
    storageId: storage.outputs.id
    vaultId: vault.outputs.id
  }
}

// Where the media worker runs.
module environment 'environment.bicep' = {
  name: 'environment'
  scope: group
  params: {
    name: 'cae-${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    subnetId: privateNetworking ? network!.outputs.workerSubnetId : ''
  }
}

// The callbacks of calls.
module functions 'functions.bicep' = {
  name: 'functions'
  scope: group
  params: {
    name: 'func-${token}'
    planName: 'plan-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    blobEndpoint: storage.outputs.blobEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    appStateKeyUri: vault.outputs.appStateKeyUri
    signalKeyUri: vault.outputs.signalKeyUri
    ticketKeyUri: vault.outputs.ticketKeyUri
    mediaUrl: 'wss://${workerName}.${environment.outputs.domain}'
    eventsKeyUri: vault.outputs.eventsKeyUri
    communicationEndpoint: communication ? acs!.outputs.endpoint : ''
    communicationId: communication ? acs!.outputs.immutableId : ''
    communicationAnswers: communicationAnswers
    speechEndpoint: communication && speech ? ai!.outputs.endpoint : ''
    bot: bot
    auth: auth
    appId: empty(appId) ? identity.outputs.clientId : appId
    certificateRoots: certificateRoots
    certificateIntermediates: certificateIntermediates
    certificateRevocation: certificateRevocation
    canaryKeys: canary ? canaryKeys : ''
    teamsTenant: teams ? tenant().tenantId : ''
    teamsSpeech: teamsSpeech
    teamsInstance: teamsInstance
    sweepAfterSeconds: sweepAfterSeconds
    consoleAppId: consoleAppId
    retention: 'standard=${recordingRetentionDays}${empty(recordingClasses) ? '' : ','}${recordingClasses}'
    events: events
    callers: callers
    maximumInstances: functionsMaximumInstances
    alwaysReadyInstances: functionsAlwaysReady
    instanceMemoryMB: functionsInstanceMemoryMB
    httpConcurrency: functionsHttpConcurrency
    openTelemetry: openTelemetry
    subnetId: privateNetworking ? network!.outputs.functionsSubnetId : ''
  }
  dependsOn: [roles]
}

// The media streams of calls.
module worker 'worker.bicep' = {
  name: 'worker'
  scope: group
  params: {
    name: workerName
    environmentId: environment.outputs.id
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    bot: bot
    storageName: storage.outputs.name
    registryServer: registry.outputs.loginServer
    ticketKeyUri: vault.outputs.ticketKeyUri
    signalKeyUri: vault.outputs.signalKeyUri
    functionsUrl: functions.outputs.url
    communicationId: communication ? acs!.outputs.immutableId : ''
    image: workerImage
    minimumReplicas: workerMinimumReplicas
    maximumReplicas: workerMaximumReplicas
  }
  dependsOn: [roles]
}

// What somebody has to know of.
module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    insightsId: monitoring.outputs.insightsId
    workerId: worker.outputs.id
    workerMaximumReplicas: workerMaximumReplicas
    email: alertEmail
  }
}

// Who the platform calls.
module registration 'bot.bicep' = {
  name: 'bot'
  scope: group
  params: {
    name: 'bot-${token}'
    tags: tags
    displayName: botDisplayName
    functionsUrl: functions.outputs.url
    identityClientId: identity.outputs.clientId
    identityId: identity.outputs.id
    appId: appId
    teams: teams
  }
}

@description('Resource group of the environment; read by azd.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Login server of the registry; azd pushes the worker image there.')
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registry.outputs.loginServer

@description('Name of the function app; scripts/deploy.sh sends the package there.')
output AZURE_FUNCTION_APP_NAME string = functions.outputs.name

@description('Name of the Communication Services resource, empty where there is none; read by scripts/live.sh.')
output DIALTONE_COMMUNICATION string = communication ? acs!.outputs.name : ''

@description('Storage account, for uploading prompts and reading recordings.')
output DIALTONE_STORAGE_ACCOUNT string = storage.outputs.name

@description('Address of the functions.')
output DIALTONE_PUBLIC_URL string = functions.outputs.url

@description('Address of the media worker, for wss.')
output DIALTONE_MEDIA_URL string = worker.outputs.url
