#!/usr/bin/env bash
# What comes when the code is live; azd runs it after a deployment, and scripts/deploy.sh at its end. It can be run again.
#
#   1. The functions answer: the bot is loaded, and storage lets them in.
#   2. Event Grid, where there is a Communication Services resource: the address that takes its events is asked for the
#      handshake, as Event Grid will, and then subscribed (infra/events.bicep).
#   3. The canary, where DIALTONE_CANARY=true: one test call through the front door.
#
# Reads the outputs of infra/main.bicep; DIALTONE_EVENTS_PATH is the route that takes the events, DIALTONE_ACS_EVENTS_KEY
# the secret of its address.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "live: $*" >&2; }
fail() {
  say "$1"
  say "fix: $2"
  exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

certificate=()
if [ "${DIALTONE_AUTH:-jwt}" = certificate ]; then
  # Azure's front end then takes no connection without a certificate; which one it is, is for the code behind it.
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=live \
    -keyout "$folder/client.key" -out "$folder/client.pem" 2>/dev/null
  certificate=("$folder/client.pem" "$folder/client.key")
fi
# certified PROGRAM CERTIFICATE-OPTION KEY-OPTION ARGUMENT...
certified() {
  local program=$1 cert=$2 key=$3
  shift 3
  if [ "${#certificate[@]}" = 0 ]; then "$program" "$@"; else
    "$program" "$cert" "${certificate[0]}" "$key" "${certificate[1]}" "$@"
  fi
}

say "waiting for $DIALTONE_PUBLIC_URL"
# A new instance starts, roles take up to some minutes to be known everywhere.
certified curl --cert --key --fail-with-body --silent --show-error --retry 40 --retry-delay 5 --retry-all-errors \
  "$DIALTONE_PUBLIC_URL/api/health" >&2 ||
  fail "the functions do not answer" "look for the error above in docs/troubleshooting.md"
say "the functions answer; the media worker is at $DIALTONE_MEDIA_URL"

subscribe() {
  local path=${DIALTONE_EVENTS_PATH:-/api/acs/events} url event reply
  [ "${#certificate[@]}" = 0 ] ||
    fail "Event Grid has no client certificate" "set DIALTONE_AUTH to jwt+certificate, which asks the platform alone"
  url="$DIALTONE_PUBLIC_URL$path?key=$DIALTONE_ACS_EVENTS_KEY"
  say "asking $path for the handshake"
  event='[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","subject":"","dataVersion":"1",
"eventTime":"2026-01-01T00:00:00Z","topic":"","data":{"validationCode":"dialtone"}}]'
  # The address has a secret in it, which others on this machine could read from a command line.
  reply=$(curl --silent --show-error --config - --header 'aeg-event-type: SubscriptionValidation' \
    --header 'Content-Type: application/json' --data "$event" <<<"url = \"$url\"")
  case $reply in
    *'"validationResponse"'*dialtone*) ;;
    *) fail "$path does not answer Event Grid's handshake: ${reply:-nothing}" \
      "deploy a bot with that route, or set DIALTONE_EVENTS_PATH to the one that takes events" ;;
  esac
  printf '{"communicationName":{"value":"%s"},"endpointUrl":{"value":"%s"}}' \
    "$DIALTONE_COMMUNICATION" "$url" >"$folder/parameters.json"
  az deployment group create --name events --resource-group "$AZURE_RESOURCE_GROUP" \
    --template-file infra/events.bicep --parameters "@$folder/parameters.json" --output none
  say "Event Grid delivers calls to $path"
}
if [ -n "${DIALTONE_COMMUNICATION:-}" ]; then
  subscribe
fi

dialtone_canary() {
  dialtone canary --target "$DIALTONE_PUBLIC_URL" --key ".azure/$AZURE_ENV_NAME/canary.pem" "$@" >&2
}
if [ "${DIALTONE_CANARY:-false}" = true ]; then
  say "placing a canary"
  export PATH="$PWD/.venv/bin:$PATH"
  command -v dialtone >/dev/null || fail "dialtone was not found" "make setup"
  certified dialtone_canary --client-cert --client-key ||
    fail "the bot does not take calls" "see what is said above, and docs/how-to/operate.md, The canary"
fi
