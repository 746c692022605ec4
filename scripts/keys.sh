#!/usr/bin/env bash
# Makes the keys of an environment, once, and keeps them where azd keeps its variables: .azure/<environment>/.env.
# A key that is in the environment already, from a store of secrets, is left to it. Both deployments start with this.
#
# With DIALTONE_CANARY=true also the canary's: the public key there, the private one beside it in canary.pem, which is
# never deployed.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=.azure/${AZURE_ENV_NAME:?is not set; name the environment}
file=$folder/.env
umask 077
mkdir -p "$folder"
touch "$file"

# value NAME: from the environment, else from the file
value() {
  printf '%s' "${!1:-$(sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$file" | tail -n 1)}"
}
# keep NAME VALUE
keep() {
  printf '\n%s="%s"\n' "$1" "$2" >>"$file"
}

for name in DIALTONE_APPSTATE_KEY DIALTONE_TICKET_KEY DIALTONE_SIGNAL_KEY; do
  if [ -z "$(value "$name")" ]; then
    keep "$name" "$(openssl rand -base64 32)"
  fi
done
# It goes into an address.
if [ -z "$(value DIALTONE_ACS_EVENTS_KEY)" ]; then
  keep DIALTONE_ACS_EVENTS_KEY "$(openssl rand -hex 32)"
fi

if [ "$(value DIALTONE_CANARY)" = true ] && [ -z "$(value DIALTONE_CANARY_KEYS)" ]; then
  [ -e "$folder/canary.pem" ] || openssl genpkey -algorithm ed25519 -out "$folder/canary.pem"
  keep DIALTONE_CANARY_KEYS "$(openssl pkey -in "$folder/canary.pem" -pubout -outform DER | openssl base64 -A)"
fi
