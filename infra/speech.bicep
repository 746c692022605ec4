// The AI services account by which Communication Services speak texts and understand words. They reach it with their
// own identity (roles.bicep); it has no key.
// https://learn.microsoft.com/azure/communication-services/concepts/call-automation/azure-communication-services-azure-cognitive-services-integration

@description('Name of the account, and of its address.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'CognitiveServices'
  sku: { name: 'S0' }
  properties: {
    customSubDomainName: name
    disableLocalAuth: true
    // Communication Services have no private way to it.
    publicNetworkAccess: 'Enabled'
  }
}

@description('Name of the account.')
output name string = account.name

@description('Address of the account.')
output endpoint string = account.properties.endpoint
