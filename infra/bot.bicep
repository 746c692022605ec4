// The bot's registration: who its tokens are for, and where calls are sent to. The identity of the functions is the
// bot's app unless an app registration is named, so that there is no password to keep.

@description('Name of the registration.')
param name string

@description('Tags of every resource.')
param tags object

@description('Name that callers see.')
param displayName string

@description('Address of the functions.')
param functionsUrl string

@description('Client id of the identity.')
param identityClientId string

@description('Resource id of the identity.')
param identityId string

@description('App id of an app registration of this tenant; empty for the identity.')
param appId string

@description('Whether Teams users can call the bot.')
param teams bool

// Where the platform posts a new call: the function `calls`.
var callsUrl = '${functionsUrl}/api/calls'

resource bot 'Microsoft.BotService/botServices@2022-09-15' = {
  name: name
  location: 'global'
  tags: tags
  kind: 'azurebot'
  sku: { name: 'F0' }
  properties: {
    displayName: displayName
    endpoint: callsUrl
    msaAppType: empty(appId) ? 'UserAssignedMSI' : 'SingleTenant'
    msaAppId: empty(appId) ? identityClientId : appId
    msaAppMSIResourceId: empty(appId) ? identityId : null
    msaAppTenantId: tenant().tenantId
    disableLocalAuth: true
  }
}

// Calling in Teams needs the permissions Calls.AccessMedia.All and Calls.Initiate.All besides: docs/how-to/deploy.md.
resource teamsChannel 'Microsoft.BotService/botServices/channels@2022-09-15' = if (teams) {
  parent: bot
  name: 'MsTeamsChannel'
  location: 'global'
  properties: {
    channelName: 'MsTeamsChannel'
    properties: {
      isEnabled: true
      enableCalling: true
      callingWebhook: callsUrl
    }
  }
}
