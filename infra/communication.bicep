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

resource communication 'Microsoft.Communication/communicationServices@2023-04-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: { dataLocation: dataLocation }
}

@description('Name of the resource.')
output name string = communication.name
