// The registry of the media worker's images; pulled from by identity.

@minLength(5)
@maxLength(50)
@description('Name of the registry.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Basic' }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
  }
}

@description('Name of the registry.')
output name string = registry.name

@description('Host that images are pushed to and pulled from.')
output loginServer string = registry.properties.loginServer
