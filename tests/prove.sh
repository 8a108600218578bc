#!/usr/bin/env bash
# prove.sh: `./dev prove [CHECKS]`. The guard shown at length, where `./dev test` shows it in short: CHECKS random verdicts
# (default 10^8, shared between the cores, each core from its own seed) against the oracle, every change of a small domain,
# every mutant, and every branch taken. The last line is 'N passed, N failed'.
set -uo pipefail
cd "$(dirname "$0")/.."
checks=${1:-100000000}
case "$checks" in
'' | *[!0-9]*)
  echo "usage: ./dev prove [CHECKS]" >&2
  exit 2
  ;;
esac
cores=$(nproc)
passed=0 failed=0
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# say CODE WHAT: one line of the result.
say() {
  if [ "$1" = 0 ]; then
    passed=$((passed + 1))
    echo "ok $2"
  else
    failed=$((failed + 1))
    echo "not ok $2"
  fi
}

echo "== $checks verdicts of the guard beside the oracle's, on $cores cores, and every change of a small domain on each"
running=()
for ((core = 0; core < cores; core++)); do
  INTERGREEN_GUARD_CHECKS=$((checks / cores + 1)) INTERGREEN_GUARD_SEED=$(((core + 1) * 1000000007)) \
    build/test-guard-random >"$log/core-$core" 2>&1 &
  running+=($!)
done
for ((core = 0; core < cores; core++)); do
  code=0
  wait "${running[$core]}" || code=$?
  grep -vE '^\[' "$log/core-$core"
  say "$code" "the guard and the oracle agree, seed $(((core + 1) * 1000000007))"
done

echo "== mutants: the guard with one rule weakened"
code=0
/usr/bin/python3 tests/end/test_guard_mutants.py >"$log/mutants" 2>&1 || code=$?
grep '^not ok' "$log/mutants"
say "$code" "$(grep -c '^ok mutant' "$log/mutants") mutants, none survives"

echo "== branches: asserts compiled out, the tests of the guard alone"
[ -f build-coverage/build.ninja ] ||
  meson setup build-coverage -Db_coverage=true -Db_ndebug=true -Dbuildtype=debug >/dev/null
find build-coverage -name '*.gcda' -delete
code=0
meson compile -C build-coverage test-guard test-guard-change test-guard-random >"$log/build" 2>&1 || {
  code=1
  tail -n 20 "$log/build"
}
for test in guard guard-change guard-random; do
  build-coverage/test-$test >"$log/$test" 2>&1 || code=1
done
(cd build-coverage && gcov -b -n libintergreen-guard.a.p/*.gcda 2>/dev/null) >"$log/gcov"
# Of each file of the guard: `Taken at least once:P% of N`.
read -r taken all < <(awk '/^File/ { ours = index($0, "engine/guard/") > 0 }
  ours && /^Taken at least once/ { split($0, part, /[:% ]+/); count = part[7]; all += count; taken += part[5] / 100 * count }
  END { printf "%.0f %d\n", taken, all }' "$log/gcov")
[ "$all" -gt 0 ] && [ "$taken" = "$all" ] || code=1
say "$code" "$taken of $all branches of engine/guard are taken"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
