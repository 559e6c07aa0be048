#!/usr/bin/env bash
# Install the locked dependencies into .venv; nothing to do when they are already there. Works with bash 3.2.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
fail() { say "$1: $2"; exit 1; }

is_new_enough() {
  "$1" -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else 1)' >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.14 python3.11 python; do
    if command -v "$candidate" >/dev/null 2>&1 && is_new_enough "$candidate"; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

find_uv() {
  if [ -x .venv/bin/uv ]; then printf '%s\n' .venv/bin/uv; else command -v uv || true; fi
}

make_venv() {
  local python uv version
  python=$(find_python) || fail no_python "Python 3.11 or newer is needed. Install it, or set PYTHON to it."
  uv=$(find_uv)
  say "Making .venv with $("$python" --version 2>&1) ..."
  if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    "$python" -m venv .venv
  elif [ -n "$uv" ]; then
    UV_PYTHON_DOWNLOADS=never "$uv" venv --quiet --python "$python" .venv
  else
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    fail no_venv "This Python cannot make virtual environments. Install the package python$version-venv (apt-get install python$version-venv) or uv, then run this again."
  fi
}

# uv installs everything in seconds; its own wheel comes from the same lock, by hash.
fetch_uv() {
  local only
  only=$(mktemp)
  awk '/^[a-zA-Z0-9]/ { keep = ($0 ~ /^uv==/) } keep' requirements.lock >"$only"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$only" >/dev/null 2>&1 || true
  rm -f "$only"
}

install_locked() {
  local uv
  [ -n "$(find_uv)" ] || fetch_uv
  uv=$(find_uv)
  say "Installing the locked dependencies ..."
  if [ -n "$uv" ]; then
    "$uv" pip install --quiet --require-hashes --python .venv/bin/python -r requirements.lock &&
      "$uv" pip install --quiet --no-deps --no-build-isolation --python .venv/bin/python -e .
  else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock &&
      .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
  fi || fail setup_failed "The dependencies could not be installed. Check the network, then run this again."
}

fingerprint() {
  { cat requirements.lock pyproject.toml scripts/setup.sh; pwd; } | cksum
}

if [ -x .venv/bin/holdfast ] && [ "$(cat .venv/.ready 2>/dev/null)" = "$(fingerprint)" ]; then
  exit 0
fi
[ -x .venv/bin/python ] && is_new_enough .venv/bin/python || make_venv
install_locked
fingerprint >.venv/.ready
say "Set up."
