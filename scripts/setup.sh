#!/usr/bin/env bash
# Sets up this folder for development; what is up to date already is left alone, which takes no time.
#
#   scripts/setup.sh            .venv (Python, from pyproject.toml and constraints.txt), node_modules (Azurite) and
#                               bench/node/node_modules (the Node calling SDK, for benchmarks and compliance tests)
#   scripts/setup.sh python313  .venv-313 with Microsoft's Functions runtime, where a Python 3.13 is to be found, and the
#                               wheels of the deployed package; prints the path of its python on standard output, or
#                               nothing
#
# PYTHON names the Python for .venv. With AZURITE_BIN set, node_modules is not needed and not made, and where there is no
# npm then, the Node calling SDK is left out.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }

fail() {
  say "$1"
  say "fix: $2"
  exit 1
}

# A stamp holds the checksums of what an installation was made from.
sums() { cksum "$@" 2>/dev/null; }
fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$(sums "${@:2}")" ]; }

is_python() { "$1" -c "import sys; sys.exit(not ($2))" >/dev/null 2>&1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if is_python "$candidate" "sys.version_info >= (3, 11)"; then
      echo "$candidate"
      return
    fi
  done
  fail "no Python 3.11 or newer was found" "install one, or name it: make setup PYTHON=/path/to/python3"
}

# with_uv PYTHON REQUIREMENT...
# uv takes a tenth of pip's time. It does not read pip's settings, so it is told the index; what else an installation may
# need (a proxy's certificate, say) only pip knows, and where uv fails pip is asked again, which says why.
with_uv() {
  local python=$1 index
  shift
  "$python" -m pip install --quiet --quiet uv >&2 || return
  index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}
  "$python" -m uv pip install --quiet --python "$python" ${index:+--default-index "$index"} \
    --constraint constraints.txt --build-constraint constraints.txt "$@" >&2 || return
}

# venv FOLDER PYTHON REQUIREMENT...
venv() {
  local folder=$1 python=$2
  shift 2
  say "$folder: $("$python" --version), installing $* at the versions of constraints.txt"
  # In place where it can be: others may be at work in it.
  if ! is_python "$folder/bin/python" True; then
    "$python" -m venv --clear "$folder"
  fi
  # PIP_BUILD_CONSTRAINT is what newer versions of pip read for the packages that a build needs.
  local -x PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1
  with_uv "$folder/bin/python" "$@" || "$folder/bin/python" -m pip install --quiet --quiet "$@" >&2
  say "$folder: installed $("$folder/bin/python" -m pip freeze --exclude-editable | grep -c .) packages"
  sums pyproject.toml constraints.txt >"$folder/.setup"
}

# node_packages FOLDER WHAT
node_packages() {
  local modules=$1/node_modules lists=("$1/package.json" "$1/package-lock.json")
  if ! fresh "$modules/.setup" "${lists[@]}"; then
    command -v npm >/dev/null || fail "npm was not found; it installs $2" \
      "install Node.js 20 or newer, or set AZURITE_BIN to an Azurite that is installed"
    say "$modules: Node.js $(node --version), installing $2 at the versions of ${lists[1]}"
    npm ci --prefix "$1" --loglevel=error >&2
    sums "${lists[@]}" >"$modules/.setup"
  fi
}

all_node_packages() {
  local sdk=
  if [ -z "${AZURITE_BIN:-}" ] || command -v npm >/dev/null; then
    node_packages bench/node "the Node calling SDK" &
    sdk=$!
  fi
  if [ -z "${AZURITE_BIN:-}" ]; then
    node_packages . "Azurite, the storage emulator"
  fi
  [ -z "$sdk" ] || wait "$sdk"
}

# All at once: each waits for the network most of its time.
setup() {
  all_node_packages &
  local node=$! python
  # shellcheck disable=SC2064  # the number of this process, not of a later one
  trap "kill $node 2>/dev/null || true" EXIT
  if ! { is_python .venv/bin/python True && fresh .venv/.setup pyproject.toml constraints.txt; }; then
    python=$(find_python)
    venv .venv "$python" -e '.[dev]'
  fi
  wait "$node"
}

python313() {
  local candidate python=""
  if is_python .venv/bin/python "sys.version_info[:2] == (3, 13)"; then
    python=$PWD/.venv/bin/python
  else
    for candidate in python3.13 "$HOME"/.pyenv/versions/3.13*/bin/python3; do
      is_python "$candidate" "sys.version_info[:2] == (3, 13)" || continue
      fresh .venv-313/.setup pyproject.toml constraints.txt ||
        venv .venv-313 "$candidate" -e '.[local]' 'azure-functions-runtime==1.3.*'
      python=$PWD/.venv-313/bin/python
      break
    done
  fi
  if [ -z "$python" ]; then
    say "no Python 3.13 was found: the package is not built, the tests of Microsoft's Functions runtime are skipped"
    return
  fi
  "$python" -m scripts.package --wheels >&2
  echo "$python"
}

case "${1:-}" in
  "") setup ;;
  python313) python313 ;;
  *) fail "unknown argument $1" "give none, or python313" ;;
esac
