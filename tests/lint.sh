#!/usr/bin/env bash
# lint.sh: the rules of the house that a program can check. Prints each breach as file:line and exits 1 if there is one.
set -uo pipefail
cd "$(dirname "$0")/.."
exec /usr/bin/env python3 tests/lint.py "$@"
