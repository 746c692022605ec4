// Table Storage for the journal of calls, Blob Storage for prompts and recordings. Private, and without keys.
//
// Versions bring back a prompt that was overwritten; soft delete brings back what was deleted, for 7 days. Versions of
// recordings go with the recording: what a caller said is not kept longer than the retention says.

@minLength(3)
@maxLength(24)
@description('Name of the account.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@minValue(1)
@description('Days after which former versions of a recording are deleted.')
param recordingRetentionDays int

@minValue(1)
@description('Days after which a recording is deleted whatever the functions know of it, a legal hold included.')
param recordingLastDays int

@minValue(1)
@description('Days after which the former versions of a prompt are deleted.')
param promptVersionDays int

@description('Whether only private endpoints reach the account.')
param privateNetworking bool

var containers = ['prompts', 'promptversions', 'recordings', 'deployments']
var tables = ['calls', 'callindex', 'calldata', 'recordings', 'prompts', 'audit']
var queues = ['dialtone-events']

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
    isVersioningEnabled: true
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [
  for item in containers: {
    parent: blobs
    name: item
    properties: { publicAccess: 'None' }
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' = [
  for item in tables: {
    parent: tableService
    name: item
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [
  for item in queues: {
    parent: queueService
    name: item
  }
]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-recordings'
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob', 'appendBlob'], prefixMatch: ['recordings/'] }
            actions: {
              // The functions delete what its retention has ended for, but what a legal hold keeps.
              baseBlob: { delete: { daysAfterCreationGreaterThan: recordingLastDays } }
              version: { delete: { daysAfterCreationGreaterThan: recordingRetentionDays } }
            }
          }
        }
        {
          name: 'delete-former-versions'
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['prompts/', 'deployments/'] }
            actions: {
              version: { delete: { daysAfterCreationGreaterThan: promptVersionDays } }
            }
          }
        }
      ]
    }
  }
  dependsOn: [blobs]
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Blob endpoint.')
output blobEndpoint string = account.properties.primaryEndpoints.blob

@description('Table endpoint.')
output tableEndpoint string = account.properties.primaryEndpoints.table

@description('Container that the package of the functions is kept in.')
output deploymentContainerUrl string = '${account.properties.primaryEndpoints.blob}deployments'
