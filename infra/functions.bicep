// The functions, on Flex Consumption: one app per plan, storage and telemetry by identity.
//
// Settings of other plans are refused or ignored on Flex and are not set: FUNCTIONS_WORKER_RUNTIME,
// FUNCTIONS_EXTENSION_VERSION, WEBSITE_RUN_FROM_PACKAGE, SCM_DO_BUILD_DURING_DEPLOYMENT and their kin.
// https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan

@description('Name of the app.')
param name string

@description('Name of the plan.')
param planName string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the identity.')
param identityId string

@description('Client id of the identity.')
param identityClientId string

@description('Storage account of the kit and of the functions host.')
param storageName string

@description('Blob endpoint of the account.')
param blobEndpoint string

@description('Table endpoint of the account.')
param tableEndpoint string

@description('Container that the package is kept in.')
param deploymentContainerUrl string

@description('Where telemetry is sent.')
param insightsConnectionString string

@description('Key Vault URI of the key that signs AppState.')
param appStateKeyUri string

@description('Key Vault URI of the key of the worker\'s signals.')
param signalKeyUri string

@description('Key Vault URI of the key that signs the tickets of media streams.')
param ticketKeyUri string

@description('Address of the media worker, for wss.')
param mediaUrl string

@description('Key Vault URI of the secret of Event Grid\'s address.')
param eventsKeyUri string

@description('Address of Communication Services; empty for none.')
param communicationEndpoint string

@description('Immutable id of Communication Services, the audience of their tokens; empty for none.')
param communicationId string

@description('Whom the bot answers for on Communication Services, by commas; empty for all that ring.')
param communicationAnswers string

@description('Address of the AI services that speak and understand; empty for none.')
param speechEndpoint string

@description('The bot to run, as module:attribute.')
param bot string

@description('How callbacks are verified: jwt, certificate, or jwt+certificate.')
param auth string

@description('App id of the bot, the audience of its tokens. Needed with jwt.')
param appId string

@description('Roots of client certificates: PEM, or the path of a file in the package. Needed with certificate.')
param certificateRoots string

@description('Issuers between client certificates and a root: PEM, or the path of a file in the package.')
param certificateIntermediates string

@description('What becomes of client certificates that could not be checked for revocation: require or allow.')
param certificateRevocation string

@description('Public keys of those who place canaries, by commas; empty for none.')
param canaryKeys string

@description('Tenant whose Teams users call the bot; empty for no Teams channel.')
param teamsTenant string

@description('Address of the speech resource that speaks texts in Teams, which plays files only; empty for none.')
param teamsSpeech string

@description('Object id of the Teams resource account by which the bot calls telephones; empty for none.')
param teamsInstance string

@description('Seconds without a callback after which a call is swept.')
param sweepAfterSeconds int

@description('Application id of the operators\' console in Entra; empty for no console.')
param consoleAppId string

@description('Days that recordings are kept, by class.')
param retention string

@description('Who is told of recordings: queue, an https address, or nobody.')
param events string

@description('How callers are written into recordings.')
param callers string

@description('Most instances; at least 40.')
param maximumInstances int

@minValue(0)
@description('Instances that are kept warm for HTTP.')
param alwaysReadyInstances int

@allowed([512, 2048, 4096])
@description('Memory of an instance, in MB.')
param instanceMemoryMB int

@minValue(1)
@maxValue(1000)
@description('Requests that one instance takes at the same time.')
param httpConcurrency int

@description('Whether telemetry is OpenTelemetry rather than Application Insights\' own.')
param openTelemetry bool

@description('Subnet that the app reaches private endpoints from; empty for none.')
param subnetId string

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: { minTlsVersion: '1.2' }
    // The front end hands the certificate to the app, which verifies it. Only Required is sure to prove that the caller
    // holds its key, so a certificate that stands alone needs it; it then keeps callers of other routes out too. No
    // exclusion paths: they renegotiate TLS, which refuses bodies over 100 KB.
    clientCertEnabled: contains(auth, 'certificate')
    clientCertMode: auth == 'certificate' ? 'Required' : 'Optional'
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstances
        // A caller hears every cold start as silence.
        alwaysReady: [{ name: 'http', instanceCount: alwaysReadyInstances }]
        // Unset, a Python instance takes one request at a time and ten callbacks start ten cold instances.
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
  }
}

// The settings that functions/settings.py reads, and those of the host.
var settings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: blobEndpoint
  AzureWebJobsStorage__tableServiceUri: tableEndpoint
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  AZURE_CLIENT_ID: identityClientId
  DIALTONE_ACS_ANSWERS: communicationAnswers
  DIALTONE_ACS_ENDPOINT: communicationEndpoint
  DIALTONE_ACS_EVENTS_KEY: '@Microsoft.KeyVault(SecretUri=${eventsKeyUri})'
  DIALTONE_ACS_RESOURCE_ID: communicationId
  DIALTONE_ACS_SPEECH: speechEndpoint
  DIALTONE_APP_ID: appId
  DIALTONE_APPSTATE_KEY: '@Microsoft.KeyVault(SecretUri=${appStateKeyUri})'
  DIALTONE_AUTH: auth
  DIALTONE_BOT: bot
  DIALTONE_CALLERS: callers
  DIALTONE_CANARY_KEYS: canaryKeys
  DIALTONE_CERTIFICATE_INTERMEDIATES: certificateIntermediates
  DIALTONE_CERTIFICATE_REVOCATION: certificateRevocation
  DIALTONE_CERTIFICATE_ROOTS: certificateRoots
  DIALTONE_EVENTS: events
  DIALTONE_MEDIA_URL: mediaUrl
  DIALTONE_CONSOLE: empty(consoleAppId) ? 'off' : 'entra'
  DIALTONE_CONSOLE_APP: consoleAppId
  DIALTONE_CONSOLE_AUTHORITY: '${environment().authentication.loginEndpoint}${tenant().tenantId}'
  DIALTONE_PUBLIC_URL: 'https://${app.properties.defaultHostName}'
  DIALTONE_RETENTION: retention
  DIALTONE_SIGNAL_KEY: '@Microsoft.KeyVault(SecretUri=${signalKeyUri})'
  DIALTONE_STORAGE_ACCOUNT: storageName
  DIALTONE_TICKET_KEY: '@Microsoft.KeyVault(SecretUri=${ticketKeyUri})'
  DIALTONE_SWEEP_AFTER: string(sweepAfterSeconds)
  DIALTONE_TEAMS_INSTANCE: teamsInstance
  DIALTONE_TEAMS_SPEECH: teamsSpeech
  DIALTONE_TEAMS_TENANT: teamsTenant
}

resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  // host.json is left as it is: this setting overrides it.
  properties: union(settings, openTelemetry ? { AzureFunctionsJobHost__telemetryMode: 'OpenTelemetry' } : {})
}

@description('Name of the app.')
output name string = app.name

@description('Address of the app.')
output url string = 'https://${app.properties.defaultHostName}'
