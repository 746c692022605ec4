#!/usr/bin/env bash
# What comes when the code is live; azd runs it after a deployment, and scripts/deploy.sh at its end. It can be run again.
#
#   1. The functions answer: the bot is loaded, and storage lets them in.
#   2. Event Grid, where there is a Communication Services resource: the address that takes its events is asked for the
#      handshake, as Event Grid will, and then subscribed (infra/events.bicep).
#
# Reads the outputs of infra/main.bicep; DIALTONE_EVENTS_PATH is the route that takes the events.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "live: $*" >&2; }
fail() {
  say "$1"
  say "fix: $2"
  exit 1
}

say "waiting for $DIALTONE_PUBLIC_URL"
# A new instance starts, roles take up to some minutes to be known everywhere.
curl --fail-with-body --silent --show-error --retry 40 --retry-delay 5 --retry-all-errors \
  "$DIALTONE_PUBLIC_URL/api/health" >&2 ||
  fail "the functions do not answer" "look for the error above in docs/troubleshooting.md"
say "the functions answer; the media worker is at $DIALTONE_MEDIA_URL"

if [ -z "${DIALTONE_COMMUNICATION:-}" ]; then
  exit 0
fi
path=${DIALTONE_EVENTS_PATH:-/api/acs/events}
key=$(az functionapp keys list --resource-group "$AZURE_RESOURCE_GROUP" --name "$AZURE_FUNCTION_APP_NAME" \
  --query functionKeys.default --output tsv)
url="$DIALTONE_PUBLIC_URL$path?code=$key"
say "asking $path for the handshake"
event='[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","subject":"","dataVersion":"1",
"eventTime":"2026-01-01T00:00:00Z","topic":"","data":{"validationCode":"dialtone"}}]'
# The address has a key in it, which others on this machine could read from a command line.
reply=$(curl --silent --show-error --config - --header 'aeg-event-type: SubscriptionValidation' \
  --header 'Content-Type: application/json' --data "$event" <<<"url = \"$url\"")
case $reply in
  *'"validationResponse"'*dialtone*) ;;
  *) fail "$path does not answer Event Grid's handshake: ${reply:-nothing}" \
    "deploy a bot with that route, or set DIALTONE_EVENTS_PATH to the one that takes events" ;;
esac
parameters=$(mktemp)
trap 'rm -f "$parameters"' EXIT
printf '{"communicationName":{"value":"%s"},"endpointUrl":{"value":"%s"}}' \
  "$DIALTONE_COMMUNICATION" "$url" >"$parameters"
az deployment group create --name events --resource-group "$AZURE_RESOURCE_GROUP" \
  --template-file infra/events.bicep --parameters "@$parameters" --output none
say "Event Grid delivers calls to $path"
