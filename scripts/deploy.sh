#!/usr/bin/env bash
# Deploys everything with plain az, for those who have no azd: make deploy.
#
#   AZURE_ENV_NAME   name of the environment, such as dev
#   AZURE_LOCATION   region, such as westeurope
#   and what infra/main.parameters.json names, from the environment or from .azure/<environment>/.env, which is azd's
#
# It stops at the first failure. Run it again: what is in place is left alone, calls in progress too unless the worker
# has changed.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

step="reading the settings"
say() { echo "deploy: $*" >&2; }
step() {
  step=$1
  say "$step"
}
fail() {
  say "$1"
  say "fix: $2"
  exit 1
}
parameters=$(mktemp)
trap 'rm -f "$parameters"' EXIT
trap 'say "stopped while $step; mend what is said above and run this again"' ERR

[ -n "${AZURE_ENV_NAME:-}" ] || fail "AZURE_ENV_NAME is not set" "export AZURE_ENV_NAME=dev"
[ -n "${AZURE_LOCATION:-}" ] || fail "AZURE_LOCATION is not set" "export AZURE_LOCATION=westeurope"
for tool in az curl make openssl python3; do
  command -v "$tool" >/dev/null || fail "$tool was not found" "install it"
done
az account show --output none || fail "az is not signed in" "az login, and az account set --subscription NAME"
scripts/keys.sh
set -a
# shellcheck disable=SC1090 # it is there since the line above
. ".azure/$AZURE_ENV_NAME/.env"
set +a

name=dialtone-$AZURE_ENV_NAME
# provision IMAGE
provision() {
  SERVICE_MEDIA_WORKER_IMAGE_NAME=$1 python3 -m scripts.azure parameters >"$parameters"
  az deployment sub create --name "$name" --location "$AZURE_LOCATION" --template-file infra/main.bicep \
    --parameters "@$parameters" --output none
  outputs=$(az deployment sub show --name "$name" --query properties.outputs --output json |
    python3 -m scripts.azure outputs)
  eval "$outputs"
}

step "looking for the image that the worker runs now"
# Without it the worker would go back to its placeholder for a while, and its calls would be lost.
image=${SERVICE_MEDIA_WORKER_IMAGE_NAME:-$(az deployment sub list \
  --query "[?name=='$name'].properties.parameters.workerImage.value | [0]" --output tsv)}
step "making the resources (the first time this takes about 10 minutes)"
provision "$image"

step "building the functions' package"
make --silent package ZIP=dist/functions.zip >&2
step "sending it to $AZURE_FUNCTION_APP_NAME"
# Unless it is told so, az has Python packages built anew over there (2.91), and the byte code is lost.
az functionapp deployment source config-zip --resource-group "$AZURE_RESOURCE_GROUP" \
  --name "$AZURE_FUNCTION_APP_NAME" --src dist/functions.zip --build-remote false --output none ||
  fail "the package was not taken" "where it says BlobUploadFailed the roles are new: wait 5 minutes, run this again"

step "building the worker's image"
# The tag is made of what is in the image, so that an unchanged worker is not started anew under its calls.
tag=$({
  echo media_worker/Dockerfile
  awk '$1 == "COPY" { print $2 }' media_worker/Dockerfile |
    xargs -I {} find {} -type f -not -path '*/__pycache__/*'
} | LC_ALL=C sort | xargs cat |
  python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:12])')
built=$AZURE_CONTAINER_REGISTRY_ENDPOINT/media-worker:$tag
if [ "$image" = "$built" ]; then
  say "it has not changed"
else
  az acr build --registry "${AZURE_CONTAINER_REGISTRY_ENDPOINT%%.*}" --image "media-worker:$tag" \
    --file media_worker/Dockerfile . >&2
  step "starting the worker"
  provision "$built"
fi

step "looking whether it is live"
export AZURE_ENV_NAME AZURE_RESOURCE_GROUP AZURE_FUNCTION_APP_NAME DIALTONE_PUBLIC_URL DIALTONE_MEDIA_URL DIALTONE_COMMUNICATION
scripts/live.sh
say "done. Prompts and recordings are in the storage account $DIALTONE_STORAGE_ACCOUNT"
