// The second phase, deployed by scripts/live.sh when the code is live: Event Grid asks the address for a handshake
// before it takes a subscription, so that in the first phase this would fail.

@description('Name of the Communication Services resource.')
param communicationName string

@secure()
@description('Address that takes the events, with its key: https://host/path?key=secret.')
param endpointUrl string

@description('Tags of every resource.')
param tags object = {}

resource communication 'Microsoft.Communication/communicationServices@2023-04-01' existing = {
  name: communicationName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-${communicationName}'
  location: 'global'
  tags: tags
  properties: {
    source: communication.id
    topicType: 'Microsoft.Communication.CommunicationServices'
  }
}

// A caller rings for 30 seconds: an old event is of no use.
resource incomingCalls 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'incoming-calls'
  properties: {
    destination: {
      endpointType: 'WebHook'
      properties: { endpointUrl: endpointUrl, maxEventsPerBatch: 1 }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: { includedEventTypes: ['Microsoft.Communication.IncomingCall'] }
    retryPolicy: { eventTimeToLiveInMinutes: 1, maxDeliveryAttempts: 5 }
  }
}

// A recording can be fetched for 24 hours.
resource recordings 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'recordings'
  properties: {
    destination: {
      endpointType: 'WebHook'
      properties: { endpointUrl: endpointUrl, maxEventsPerBatch: 1 }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: { includedEventTypes: ['Microsoft.Communication.RecordingFileStatusUpdated'] }
    retryPolicy: { eventTimeToLiveInMinutes: 1440, maxDeliveryAttempts: 30 }
  }
}
