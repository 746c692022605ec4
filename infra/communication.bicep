// Azure Communication Services, which telephone calls come in by.
//
// Standalone calling ends on 30 September 2028; Teams Phone Extensibility, which links a Teams resource account to this
// resource, goes on. Linking is done by the tenant's administrator and is not a thing of templates.
// https://learn.microsoft.com/azure/communication-services/concepts/interop/tpe/teams-phone-extensibility-overview

@description('Name of the resource.')
param name string

@description('Tags of every resource.')
param tags object

@description('Where data is kept at rest.')
param dataLocation string

@description('Whether it speaks and understands, by an AI services account that it reaches with an identity of its own.')
param speech bool

resource communication 'Microsoft.Communication/communicationServices@2023-04-01' = {
  name: name
  location: 'global'
  tags: tags
  identity: { type: speech ? 'SystemAssigned' : 'None' }
  properties: { dataLocation: dataLocation }
}

@description('Name of the resource.')
output name string = communication.name

@description('Address of its REST API.')
output endpoint string = 'https://${communication.properties.hostName}'

@description('Immutable id, the audience of its tokens.')
output immutableId string = communication.properties.immutableResourceId

@description('Principal id of its identity; empty for none.')
output principalId string = speech ? communication.identity.principalId : ''
