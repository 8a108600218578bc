#!/usr/bin/env bash
# run.sh: `./dev bench [NAME...]`. Each bench is a program build/bench-NAME (or bench/bench_NAME.py) that prints a table and
# writes its rows, a JSON array of flat objects, to the file that it is given.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/bench
names=("$@")
if [ ${#names[@]} = 0 ]; then
  for program in build/bench-* bench/bench_*.py; do
    [ -f "$program" ] || continue
    name=${program#build/bench-}
    name=${name#bench/bench_}
    names+=("${name%.py}")
  done
fi
for name in "${names[@]}"; do
  name=${name//-/_}
  [ -f "bench/bench_$name.py" ] || name=${name//_/-}
  echo "== $name"
  if [ -f "bench/bench_$name.py" ]; then
    /usr/bin/python3 "bench/bench_$name.py" "build/bench/$name.json"
  elif [ -x "build/bench-$name" ]; then
    "build/bench-$name" "build/bench/$name.json"
  else
    echo "dev bench: there is no bench '$name'; there are: $(ls bench | sed -n 's/^bench_\(.*\)\.\(c\|py\)$/\1/p' | tr '\n' ' ')" >&2
    exit 2
  fi
  echo "rows: build/bench/$name.json"
done
