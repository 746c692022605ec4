// Everything one environment of the kit needs, in one resource group.
//
// One user-assigned identity does all the work; no account key is used anywhere. Its roles are in roles.bicep and
// exist before the programs that need them. The code itself is brought by `azd deploy` (azure.yaml).
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

@description('How callbacks are verified: jwt, certificate, or jwt+certificate.')
param auth string = 'jwt'

@description('App id of the bot, the audience of its tokens. Needed with jwt.')
param appId string = ''

@description('Roots of client certificates: PEM, or the path of a file in the package. Needed with certificate.')
param certificateRoots string = ''

@description('Issuers between client certificates and a root: PEM, or the path of a file in the package.')
param certificateIntermediates string = ''

@allowed(['require', 'allow'])
@description('What becomes of client certificates that could not be checked for revocation: require or allow.')
param certificateRevocation string = 'require'

@minValue(60)
@description('Seconds without a callback after which a call is swept.')
param sweepAfterSeconds int = 3600

@minValue(1)
@description('Days after which a recording is deleted. Soft delete keeps it restorable for 7 days more.')
param recordingRetentionDays int = 30

@minValue(40)
@maxValue(1000)
@description('Most instances that the functions may scale out to.')
param functionsMaximumInstances int = 40

@minValue(1)
@description('Most replicas that the media worker may scale out to.')
param workerMaximumReplicas int = 10

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

var token = toLower(uniqueString(subscription().id, environmentName, location))
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
  }
}

// The two keys that the programs share.
module vault 'vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    appStateKey: appStateKey
    ticketKey: ticketKey
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
    bot: bot
    auth: auth
    appId: appId
    certificateRoots: certificateRoots
    certificateIntermediates: certificateIntermediates
    certificateRevocation: certificateRevocation
    sweepAfterSeconds: sweepAfterSeconds
    maximumInstances: functionsMaximumInstances
  }
  dependsOn: [roles]
}

// The media streams of calls.
module worker 'worker.bicep' = {
  name: 'worker'
  scope: group
  params: {
    name: 'ca-${token}'
    environmentName: 'cae-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    registryServer: registry.outputs.loginServer
    workspaceId: monitoring.outputs.workspaceId
    ticketKeyUri: vault.outputs.ticketKeyUri
    image: workerImage
    maximumReplicas: workerMaximumReplicas
  }
  dependsOn: [roles]
}

@description('Resource group of the environment; read by azd.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Login server of the registry; azd pushes the worker image there.')
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registry.outputs.loginServer

@description('Storage account, for uploading prompts and reading recordings.')
output DIALTONE_STORAGE_ACCOUNT string = storage.outputs.name

@description('Address of the functions.')
output DIALTONE_PUBLIC_URL string = functions.outputs.url

@description('Address of the media worker, for wss.')
output DIALTONE_MEDIA_URL string = worker.outputs.url
