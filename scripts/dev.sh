#!/usr/bin/env bash
# One command runs it all: set up, then `holdfast up` with the same arguments.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/scripts/setup.sh"
exec "$root/.venv/bin/holdfast" up "$@"
