// Where the media worker runs. It is apart from the worker, because the functions have to know the worker's address, and
// the worker theirs.

@description('Name of the environment.')
param name string

@description('Region.')
param location string

@description('Tags of the environment.')
param tags object

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Subnet of the environment; empty for none. It cannot be changed later.')
param subnetId string

resource containerEnvironment 'Microsoft.App/managedEnvironments@2025-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: { destination: 'azure-monitor' }
    vnetConfiguration: empty(subnetId) ? null : { infrastructureSubnetId: subnetId, internal: false }
    workloadProfiles: [{ name: 'Consumption', workloadProfileType: 'Consumption' }]
  }
}

// Logs reach the workspace this way without its shared key.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: containerEnvironment
  name: 'workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

@description('Resource id of the environment.')
output id string = containerEnvironment.id

@description('The domain of what runs here: each app is a host in it.')
output domain string = containerEnvironment.properties.defaultDomain
