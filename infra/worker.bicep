// The media worker: always on, because the platform connects to it in mid-call.

@description('Name of the container app.')
param name string

@description('Id of the environment that the worker runs in.')
param environmentId string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the identity.')
param identityId string

@description('Client id of the identity.')
param identityClientId string

@description('The bot whose media handlers run here, module:name.')
param bot string

@description('Name of the storage account, for recordings of streams.')
param storageName string

@description('Host of the registry.')
param registryServer string

@description('Key Vault URI of the key that signs tickets.')
param ticketKeyUri string

@description('Key Vault URI of the key of signals.')
param signalKeyUri string

@description('Address of the functions, which signals are posted to.')
param functionsUrl string

@description('Immutable id of Communication Services, whose tokens open streams too; empty for none.')
param communicationId string

@description('Image to run; empty until the first one has been built.')
param image string

@minValue(1)
@description('Least replicas. With none, the first stream of a call would wait for a container to start.')
param minimumReplicas int

@description('Most replicas.')
param maximumReplicas int

@description('Streams of one replica, over which another is started. The worker refuses at 200.')
param streamsPerReplica int = 100

var port = 8080

resource app 'Microsoft.App/containerApps@2025-07-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'media-worker' })
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    environmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      // A connection that is silent for 240 s is cut. Frames come each 20 ms, and the worker pings where none do.
      ingress: {
        external: true
        targetPort: port
        transport: 'http'
        allowInsecure: false
      }
      registries: [{ server: registryServer, identity: identityId }]
      secrets: [
        { name: 'ticket-key', keyVaultUrl: ticketKeyUri, identity: identityId }
        { name: 'signal-key', keyVaultUrl: signalKeyUri, identity: identityId }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 600
      containers: [
        {
          name: 'media-worker'
          // The first image is built after the first provision. Until then a bare Python answers the probes;
          // placeholder.py starts the worker as soon as the image holds it.
          image: empty(image) ? 'python:3.13-slim' : image
          command: empty(image)
            ? ['python', '-c', loadTextContent('placeholder.py')]
            : ['python', '-m', 'media_worker']
          args: ['--host', '0.0.0.0', '--port', string(port), '--grace', '590', '--max-sessions', '200']
          env: [
            { name: 'DIALTONE_TICKET_KEY', secretRef: 'ticket-key' }
            { name: 'DIALTONE_SIGNAL_KEY', secretRef: 'signal-key' }
            { name: 'DIALTONE_PUBLIC_URL', value: functionsUrl }
            { name: 'DIALTONE_ACS_AUDIENCE', value: communicationId }
            { name: 'DIALTONE_BOT', value: bot }
            { name: 'DIALTONE_STORAGE_ACCOUNT', value: storageName }
            { name: 'AZURE_CLIENT_ID', value: identityClientId }
          ]
          resources: { cpu: json('1.0'), memory: '2Gi' }
          probes: [
            {
              type: 'Startup'
              httpGet: { path: '/healthz', port: port }
              periodSeconds: 1
              failureThreshold: 60
            }
            {
              type: 'Liveness'
              httpGet: { path: '/healthz', port: port }
              periodSeconds: 10
              failureThreshold: 3
            }
            {
              type: 'Readiness'
              httpGet: { path: '/readyz', port: port }
              periodSeconds: 5
              failureThreshold: 2
            }
          ]
        }
      ]
      scale: {
        minReplicas: minimumReplicas
        maxReplicas: maximumReplicas
        rules: [
          {
            name: 'streams'
            // An open WebSocket counts as a request.
            http: { metadata: { concurrentRequests: string(streamsPerReplica) } }
          }
        ]
      }
    }
  }
}

@description('Resource id of the container app.')
output id string = app.id

@description('Address of the worker, for wss.')
output url string = 'wss://${app.properties.configuration.ingress.fqdn}'
