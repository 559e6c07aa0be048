#!/usr/bin/env bash
# Build the Temporal server, its schema tool and its Web UI once, and run them on DATABASE_URL (else on a Postgres of its own).
# Afterwards: TEMPORAL_ADDRESS=<the printed address> scripts/dev.sh
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/scripts/setup.sh"
exec "$root/.venv/bin/python" "$root/deploy/temporal/cluster.py" "$@"
