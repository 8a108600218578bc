#!/usr/bin/env bash
# run.sh [SECONDS [TARGET...]]: `./dev fuzz`. Builds each tests/fuzz/fuzz_*.c with libFuzzer and the sanitizers and lets it
# search for SECONDS (default 60) each. What it finds interesting is kept in build/fuzz/NAME, a fault in build/fuzz/NAME-*.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  for file in tests/fuzz/fuzz_*.c; do
    name=${file#tests/fuzz/fuzz_}
    targets+=("${name%.c}")
  done
fi
mkdir -p build/fuzz
[ -f build-fuzz/build.ninja ] || CC=clang CFLAGS=-fsanitize=fuzzer-no-link meson setup build-fuzz \
  -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized >/dev/null
failed=0
for name in "${targets[@]}"; do
  echo "== fuzz $name, $seconds s"
  meson compile -C build-fuzz "fuzz-$name" >/dev/null
  mkdir -p "build/fuzz/$name"
  "build-fuzz/fuzz-$name" -max_total_time="$seconds" -max_len=4096 -artifact_prefix="build/fuzz/$name-" -print_final_stats=1 \
    "build/fuzz/$name" >"build/fuzz/$name.log" 2>&1 || failed=1
  grep -E "ERROR|SUMMARY|stat::|Test unit" "build/fuzz/$name.log" || true
done
exit $failed
