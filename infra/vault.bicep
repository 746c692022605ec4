// The keys that the programs share. Bicep cannot make a random key, so they come in as parameters.

@minLength(3)
@maxLength(24)
@description('Name of the vault.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Whether only private endpoints reach the vault.')
param privateNetworking bool

@secure()
@description('Key that signs AppState.')
param appStateKey string

@secure()
@description('Key that signs the tickets of media streams.')
param ticketKey string

@secure()
@description('Key that makes the keys of the media worker\'s signals.')
param signalKey string

@secure()
@description('Secret of the address that takes Event Grid\'s events.')
param eventsKey string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    // Purge protection stays unset: `azd down --purge` has to free the name for the next `azd up`.
    softDeleteRetentionInDays: 7
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
    // Deployments write the keys, and they come from Azure itself.
    networkAcls: { bypass: 'AzureServices', defaultAction: privateNetworking ? 'Deny' : 'Allow' }
  }
}

resource appState 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'appstate-key'
  properties: { value: appStateKey }
}

resource ticket 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'ticket-key'
  properties: { value: ticketKey }
}

resource signal 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'signal-key'
  properties: { value: signalKey }
}

resource events 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'events-key'
  properties: { value: eventsKey }
}

@description('Resource id of the vault.')
output id string = vault.id

@description('Name of the vault.')
output name string = vault.name

// Without a version, so that a new key is taken up by the next start.
@description('URI of the key that signs AppState.')
output appStateKeyUri string = '${vault.properties.vaultUri}secrets/${appState.name}'

@description('URI of the key that signs tickets.')
output ticketKeyUri string = '${vault.properties.vaultUri}secrets/${ticket.name}'

@description('URI of the key of the worker\'s signals.')
output signalKeyUri string = '${vault.properties.vaultUri}secrets/${signal.name}'

@description('URI of the secret of Event Grid\'s address.')
output eventsKeyUri string = '${vault.properties.vaultUri}secrets/${events.name}'
