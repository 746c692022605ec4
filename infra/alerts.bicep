// What somebody has to know of: calls that are lost, callbacks that fail, dead air, a worker that is full.
//
// Queries look for what the code writes into its log (functions/turn.py); tests/infra holds the two together.

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the Application Insights component.')
param insightsId string

@description('Resource id of the worker\'s container app.')
param workerId string

@description('Most replicas of the worker.')
param workerMaximumReplicas int

@description('Address that alerts are mailed to; empty for none.')
param email string

// Each is looked for every 5 minutes; more rows than `most` raise it.
var logAlerts = [
  {
    name: 'lost-calls'
    title: 'Calls are lost'
    description: 'The callback after a turn never came, and the sweeper ended the call.'
    severity: 2
    most: 0
    query: 'traces | where message has "the call is lost"'
  }
  {
    name: 'failed-callbacks'
    title: 'Callbacks fail'
    description: 'Callbacks were answered with 500 or more: a setting is wrong, or storage or a token issuer is out of reach.'
    severity: 1
    most: 2
    query: 'requests | where operation_Name in ("calls", "acs_events", "acs_callbacks") and toint(resultCode) >= 500'
  }
  {
    name: 'failed-dialogs'
    title: 'Dialogs fail'
    description: 'The bot raised an error; the caller heard an apology. The traceback is in the log.'
    severity: 2
    most: 0
    query: 'traces | where message has "the dialog failed"'
  }
  {
    name: 'dead-air'
    title: 'Callers hear dead air'
    description: 'Callbacks took longer than 2 seconds to answer, and the caller heard nothing for so long.'
    severity: 2
    most: 5
    query: 'requests | where operation_Name in ("calls", "acs_events", "acs_callbacks") and duration > 2000'
  }
]

// One metric of the worker each.
var workerAlerts = [
  {
    name: 'worker-full'
    description: 'The media worker cannot scale out any further.'
    metric: 'Replicas'
    aggregation: 'Maximum'
    operator: 'GreaterThanOrEqual'
    // Where there is but one replica, it is always all that there may be.
    threshold: max(workerMaximumReplicas, 2)
    dimensions: []
  }
  {
    name: 'worker-refuses'
    description: 'The media worker refuses streams: it is full, stopping, or out of order.'
    metric: 'Requests'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: [{ name: 'statusCodeCategory', operator: 'Include', values: ['5xx'] }]
  }
]

resource mail 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'dialtone-mail'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'dialtone'
    emailReceivers: [{ name: 'mail', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource logRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in logAlerts: {
    name: 'dialtone-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.title
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [insightsId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: alert.most
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      autoMitigate: true
      actions: { actionGroups: empty(email) ? [] : [mail.id] }
      // The tables are not there until the first telemetry is.
      skipQueryValidation: true
    }
  }
]

resource workerRules 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in workerAlerts: {
    name: 'dialtone-${alert.name}'
    location: 'global'
    tags: tags
    properties: {
      description: alert.description
      severity: 2
      enabled: true
      scopes: [workerId]
      evaluationFrequency: 'PT1M'
      windowSize: 'PT5M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: alert.name
            metricNamespace: 'Microsoft.App/containerApps'
            metricName: alert.metric
            timeAggregation: alert.aggregation
            operator: alert.operator
            threshold: alert.threshold
            dimensions: alert.dimensions
          }
        ]
      }
      autoMitigate: true
      actions: empty(email) ? [] : [{ actionGroupId: mail.id }]
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(insightsId, 'dialtone')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Dialtone calls'
    category: 'workbook'
    sourceId: insightsId
    serializedData: loadTextContent('workbook.json')
  }
}
