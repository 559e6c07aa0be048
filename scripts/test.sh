#!/usr/bin/env bash
# Every check and every test; `--fast` leaves out what needs real servers or more than two seconds. Other arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
fast=no
if [ "${1:-}" = "--fast" ]; then
  fast=yes
  shift
fi
scripts/lint.sh
if [ "$fast" = yes ]; then
  exec .venv/bin/python -m pytest -q -n 2 --dist loadfile -m "not slow and not real and not faults and not data and not live" "$@"
fi
# Three processes on two cores: most of these tests wait for deadlines.
.venv/bin/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not live" --cov --cov-report=term:skip-covered "$@"
# Every clause but one is exact. The seconds without a stop are printed; the five that the published runs keep are a figure of an
# idle machine, and a test machine is shared.
.venv/bin/python -m tests.faults --short --venue all --seed 1 --bound 30
