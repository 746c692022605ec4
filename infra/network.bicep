// Private networking: only the functions and the worker reach storage and vault. Callbacks and media streams come from
// the public internet all the same; functions and worker stay reachable.

@description('Name of the virtual network; other names are made from it.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the storage account.')
param storageId string

@description('Resource id of the key vault.')
param vaultId string

// What is reached privately: the zone that its name is looked up in, and the part of the resource.
var endpoints = [
  { group: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}', resourceId: storageId }
  { group: 'queue', zone: 'privatelink.queue.${environment().suffixes.storage}', resourceId: storageId }
  { group: 'table', zone: 'privatelink.table.${environment().suffixes.storage}', resourceId: storageId }
  { group: 'vault', zone: 'privatelink.vaultcore.azure.net', resourceId: vaultId }
]

// New networks have no way out of their own, and the keys of token issuers are on the internet.
resource address 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: 'pip-${name}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource gateway 'Microsoft.Network/natGateways@2024-05-01' = {
  name: 'ng-${name}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIpAddresses: [{ id: address.id }] }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.0.0.0/16'] }
    subnets: [
      {
        name: 'functions'
        properties: {
          addressPrefix: '10.0.0.0/24'
          natGateway: { id: gateway.id }
          delegations: [{ name: 'app', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'worker'
        properties: {
          addressPrefix: '10.0.1.0/24'
          natGateway: { id: gateway.id }
          delegations: [{ name: 'app', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: { addressPrefix: '10.0.2.0/24' }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for item in endpoints: {
    name: item.zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (item, i) in endpoints: {
    parent: zones[i]
    name: name
    location: 'global'
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: network.id }
    }
  }
]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for item in endpoints: {
    name: 'pep-${name}-${item.group}'
    location: location
    tags: tags
    properties: {
      subnet: { id: resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'endpoints') }
      privateLinkServiceConnections: [
        {
          name: item.group
          properties: { privateLinkServiceId: item.resourceId, groupIds: [item.group] }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (item, i) in endpoints: {
    parent: privateEndpoints[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [{ name: item.group, properties: { privateDnsZoneId: zones[i].id } }]
    }
  }
]

@description('Subnet of the functions.')
output functionsSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'functions')

@description('Subnet of the media worker.')
output workerSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'worker')
