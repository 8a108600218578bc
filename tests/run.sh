#!/usr/bin/env bash
# run.sh: every test, in the order in which a failure is cheapest to learn: lint, both compilers, unit tests (release),
# the same under ASan and UBSan, then whole programs against real peers. The last line is 'N passed, N failed'.
#
# A test program prints cmocka's lines ("[       OK ] name"), or "ok name" / "not ok name"; each counts as one. One that
# prints neither counts by its exit code. Exit 77 is a skip, said aloud.
set -uo pipefail
cd "$(dirname "$0")/.."
passed=0 failed=0 skipped=0
failures=()
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# count NAME SECONDS COMMAND...: runs it with a generous ceiling and counts what it says.
count() {
  local name=$1 limit=$2 file="$log/out" code=0 good bad began=$SECONDS
  shift 2
  timeout --kill-after=10 "$limit" "$@" >"$file" 2>&1 </dev/null || code=$?
  good=$(grep -cE '^\[ +OK +\] |^ok ' "$file")
  bad=$(grep -cE '^\[ +FAILED +\] [^0-9]|^not ok ' "$file")
  if [ "$code" = 77 ]; then
    skipped=$((skipped + 1))
    echo "skipped $name: $(tail -n 1 "$file")"
    return
  fi
  [ "$good" = 0 ] && [ "$bad" = 0 ] && [ "$code" = 0 ] && good=1
  [ "$code" != 0 ] && [ "$bad" = 0 ] && bad=1
  # cmocka names each failure twice: in its line and in its summary.
  [ "$bad" -gt 1 ] && grep -qE '^\[  FAILED  \] tests: ' "$file" && bad=$(((bad - 1 + 1) / 2))
  passed=$((passed + good))
  failed=$((failed + bad))
  if [ "$bad" -gt 0 ]; then
    failures+=("$name (exit $code)")
    echo "FAILED  $name (exit $code):"
    tail -n 60 "$file" | sed 's/^/    /'
  else
    echo "passed  $name: $good in $((SECONDS - began)) s"
  fi
}

# configure DIR OPTIONS...: a build folder of its own, kept from run to run.
configure() {
  local dir=$1
  shift
  [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >/dev/null
}

count "lint: it sees a breach of each rule" 60 /usr/bin/env python3 tests/lint.py --self-test
count "lint" 60 tests/lint.sh

count "build with gcc, no warning" 1200 bash -c '[ -f build/build.ninja ] || meson setup build; meson compile -C build'
configure build-clang --native-file tests/clang.ini
count "build with clang, no warning" 1200 meson compile -C build-clang
configure build-asan -Db_sanitize=address,undefined -Dbuildtype=debugoptimized
count "build with sanitizers" 1200 meson compile -C build-asan

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export OMP_WAIT_POLICY=passive

# inputs_of TEST: how many inputs a fuzz target makes itself. A wild town costs more than a message.
inputs_of() {
  case "$1" in
  build/test-fuzz-street) echo 1500 ;;
  build-asan/test-fuzz-street) echo 60 ;;
  *) echo 20000 ;;
  esac
}

for kind in build build-asan; do
  for test in "$kind"/test-*; do
    [ -f "$test" ] && [ -x "$test" ] || continue
    INTERGREEN_FUZZ_INPUTS=$(inputs_of "$test") count "$(basename "$test") ($kind)" 600 "$test"
  done
done

export BUILD=build BUILD_ASAN=build-asan
for test in tests/end/test_*.py tests/end/test_*.sh; do
  [ -f "$test" ] || continue
  case "$test" in
  *.py) count "$(basename "$test")" 900 /usr/bin/python3 "$test" ;;
  *.sh) count "$(basename "$test")" 900 bash "$test" ;;
  esac
done

for failure in "${failures[@]+"${failures[@]}"}"; do
  echo "failed: $failure"
done
[ "$skipped" = 0 ] || echo "$skipped skipped (each named above)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
