#!/usr/bin/env bash
# Check form, types and the direction of imports; `--fix` mends what can be mended.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
if [ "${1:-}" = "--fix" ]; then
  .venv/bin/ruff check --quiet --fix . || true
  .venv/bin/ruff format --quiet .
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/lint-imports
