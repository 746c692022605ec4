// The identity of the functions and the worker. User-assigned, so that its roles exist before the programs do.

@description('Name of the identity.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id.')
output id string = identity.id

@description('Client id, which the programs name when they ask for a token.')
output clientId string = identity.properties.clientId

@description('Principal id, which roles are given to.')
output principalId string = identity.properties.principalId
