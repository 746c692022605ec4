#!/usr/bin/env bash
# Makes the two keys of an environment, once, and keeps them where azd keeps its variables: .azure/<environment>/.env.
# A key that is in the environment already, from a store of secrets, is left to it. Both deployments start with this.
set -euo pipefail
cd "$(dirname "$0")/.."
file=.azure/${AZURE_ENV_NAME:?is not set; name the environment}/.env
umask 077
mkdir -p "$(dirname "$file")"
touch "$file"
for name in DIALTONE_APPSTATE_KEY DIALTONE_TICKET_KEY; do
  if [ -z "${!name:-}" ] && ! grep -q "^$name=" "$file"; then
    key=$(openssl rand -base64 32)
    printf '\n%s="%s"\n' "$name" "$key" >>"$file"
  fi
done
