"""The rules of the house that a program can check: floors, purity, names, size, and what may not be committed.

ROOMS is the one place where the floors stand. A room may include itself and the rooms that it names here, and what
those may include. `lint.py --self-test` breaks each rule once, in memory, and fails if the breach goes unseen.
"""
import pathlib
import re
import subprocess
import sys

ROOMS = {                                        # room: (folder or files, rooms it may use)
    "base": (["engine/base/"], []),
    "model": (["engine/model/"], ["base"]),
    "import": (["engine/import/"], ["model"]),
    "wire": (["engine/wire/"], ["model"]),
    "guard": (["engine/guard/"], ["model"]),
    "team": (["engine/team/"], ["base"]),
    "tls": (["engine/tls/"], ["base"]),
    "traffic": (["sim/traffic/"], ["model", "team"]),
    "estimate": (["engine/estimate/"], ["model"]),
    "optimize": (["engine/optimize/"], ["estimate", "traffic"]),
    "brain": (["engine/brain", "engine/ledger"], ["estimate", "optimize", "guard"]),
    "record": (["engine/record/"], ["brain", "wire"]),
    "store": (["engine/store/"], ["brain", "wire", "record"]),
    "serve": (["engine/serve/"], ["brain", "wire", "record", "store", "import", "tls"]),
    "demand": (["sim/demand/"], ["import", "traffic", "optimize"]),
    "loop": (["sim/loop/"], ["brain", "wire", "record", "demand", "tls"]),
    "replay": (["sim/replay/"], ["loop", "record", "demand"]),
    "report": (["sim/report/"], ["loop", "replay"]),
    "cli": (["cli/"], ["report", "serve"]),
    "daemon": (["engine/intergreend.c", "engine/config"], ["serve"]),
}
PURE = {"base", "model", "wire", "record", "guard", "traffic", "estimate", "optimize", "brain"}
PURE_FORBIDDEN = re.compile(r"#include <(uv|hiredis|time|pthread|threads|sys/socket|sys/time|openssl|libwebsockets)")
LIBRARY_OWNERS = [                               # (header or word, the only places that may have it)
    (re.compile(r"#include <hiredis"), ("engine/store/redis.",)),
    (re.compile(r"#include <(uv\.h|libwebsockets\.h)"), ("engine/serve/", "engine/intergreend.c", "bench/")),
    (re.compile(r"#include <openssl/ssl"), ("engine/tls/",)),
    (re.compile(r"__builtin_prefetch"), ("engine/base/memory.h",)),   # gcc leaves it out elsewhere: memory_expect
]
CALLS_FORBIDDEN = re.compile(r"(?<![\w.>])(rand|srand|random|drand48|strcpy|strcat|sprintf|gets|strtok|alloca)\(")
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
C_LIBRARY_NAMES = {"assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "limits", "locale", "math",
                   "setjmp", "signal", "stdalign", "stdarg", "stdatomic", "stdbool", "stddef", "stdint", "stdio",
                   "stdlib", "string", "tgmath", "threads", "time", "uchar", "wchar", "memory"} - {"memory"}
LINE_MAX, FILE_MAX, TEST_FILE_MAX = 120, 1000, 1500


def room_of(path):
    for room, (places, _) in ROOMS.items():
        if any(path.startswith(place) for place in places):
            return room
    return None


def reachable(room, seen=None):
    seen = seen if seen is not None else set()
    if room not in seen:
        seen.add(room)
        for below in ROOMS[room][1]:
            reachable(below, seen)
    return seen


def check_file(path, text):
    """Breaches of one C file, as (line, sentence)."""
    room, breaches = room_of(path), []
    allowed = reachable(room) if room else None
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        include = re.match(r'#include "([^"]+)"', line)
        if include and allowed is not None and "/" in include[1]:
            target = room_of(include[1])
            if target is None and not include[1].endswith(".pb-c.h"):
                breaches.append((number, f'includes "{include[1]}", which is in no room'))
            elif target is not None and target not in allowed:
                breaches.append((number, f"room {room} includes room {target}, which is not below it"))
        if room in PURE and PURE_FORBIDDEN.search(line):
            breaches.append((number, f"room {room} is pure: {line.strip()}"))
        for pattern, owners in LIBRARY_OWNERS:
            if pattern.search(line) and not path.startswith(owners):
                breaches.append((number, f"only {', '.join(owners)} may: {line.strip()}"))
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
        if CALLS_FORBIDDEN.search(code):
            breaches.append((number, f"forbidden call: {line.strip()}"))
        if MARKS.search(line):
            breaches.append((number, "mark of unfinished work"))
        if len(line) > LINE_MAX:
            breaches.append((number, f"{len(line)} columns, more than {LINE_MAX}"))
        if line != line.rstrip():
            breaches.append((number, "white space at the end of the line"))
    file_max = TEST_FILE_MAX if path.startswith("tests/") else FILE_MAX
    if len(lines) > file_max:
        breaches.append((len(lines), f"more than {file_max} lines"))
    if path.endswith(".h") and "#pragma once" not in text:
        breaches.append((1, "header without #pragma once"))
    if path.endswith(".h") and path.startswith(("engine/", "sim/")) and "CONTRACT" not in text and \
            not re.match(r"// \w+\.h: ", text):
        breaches.append((1, "header that does not open with what it is for"))
    if pathlib.PurePath(path).stem in C_LIBRARY_NAMES:
        breaches.append((1, "a file's name is never one of the C library's"))
    return breaches


def check_tree(paths):
    """Breaches that only the whole tree shows."""
    breaches, stems = [], {}
    for path in paths:
        if path.endswith((".c", ".h")) and not path.startswith(("tests/", "bench/", "clients/", "cli/")):
            key = pathlib.PurePath(path).name
            if key in stems:
                breaches.append(f"{path}:1: the name {key} is taken by {stems[key]}")
            stems.setdefault(key, path)
        if path.endswith((".o", ".a", ".so", ".png", ".pb.h", ".pb-c.c", ".net.xml", ".rou.xml", ".gz", ".zst")):
            breaches.append(f"{path}:1: generated or outside data is not committed")
    return breaches


def self_test():
    cases = [
        ("engine/base/x.c", '#include "engine/model/plan.h"\n'),
        ("engine/guard/x.c", '#include "engine/optimize/webster.h"\n'),
        ("engine/brain.c", "#include <time.h>\n"),
        ("engine/serve/x.c", "#include <hiredis/hiredis.h>\n"),
        ("engine/store/store.c", "#include <uv.h>\n"),
        ("engine/model/x.c", "int y = rand();\n"),
        ("sim/traffic/x.c", "    __builtin_prefetch(at);\n"),
        ("engine/model/x.c", "// TO" + "DO later\n"),
        ("engine/model/x.c", "x" * 130 + "\n"),
        ("engine/model/x.h", "int x;\n"),
        ("sim/traffic/string.c", "int x;\n"),
    ]
    unseen = [case for case in cases if not check_file(*case)]
    unseen += [] if check_tree(["engine/base/a.c", "engine/model/a.c"]) else ["double name"]
    unseen += [] if not check_file("engine/guard/x.c", '#include "engine/model/plan.h"\n') else ["false alarm"]
    for case in unseen:
        print(f"lint self-test: unseen: {case}")
    return len(unseen)


def main():
    if "--self-test" in sys.argv:
        sys.exit(1 if self_test() else 0)
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], check=True,
                            capture_output=True, text=True).stdout.split("\n")
    paths = [path for path in listed if path and pathlib.Path(path).is_file()]
    count = 0
    for path in paths:
        if path.endswith((".c", ".h")):
            for line, sentence in check_file(path, pathlib.Path(path).read_text(encoding="utf-8")):
                print(f"{path}:{line}: {sentence}")
                count += 1
    for breach in check_tree(paths):
        print(breach)
        count += 1
    print(f"lint: {len(paths)} files, {count} breaches")
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
