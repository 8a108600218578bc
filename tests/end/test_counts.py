"""Goal: counts of detectors, in each layout that road authorities export, become a day that is driven again: the same
vehicles whatever the layout, mapped by detector, by lane or by link; and what is wrong in a file is told with its line."""
import collections
import csv
import gzip
import json

import harness
from harness import INTERGREEN, run, test

BEGIN, SECONDS, PERIOD = 27000, 1800, 30


def counted(folder):
    """A driven half hour and what its loops counted: {(detector, begin): vehicles}."""
    place, out = folder / "city", folder / "out"
    run(INTERGREEN, "generate", "--intersections", 20, "--seed", 4, "-o", place, "--quiet")
    run(INTERGREEN, "sim", "--network", place / "network.ig", "--demand", place / "demand.ig", "--begin", BEGIN,
        "--seconds", SECONDS, "--demand-scale", 0.5, "--control", "program", "--sensing", "loops", "--out", out,
        "--detector-period", PERIOD, "--no-emissions", "--quiet")
    with open(out / "detectors.csv", encoding="utf-8") as file:
        rows = {(row["detector"], int(float(row["begin_s"]))): int(row["vehicles"]) for row in csv.DictReader(file)}
    return place / "network.ig", out, rows


def stamp(second):
    return f"11/27/2026 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def stations(rows):
    """Each link is a station, each of its stop-line loops a lane: {link: [detector, ...]}."""
    found = collections.defaultdict(list)
    for detector in sorted({name for name, _ in rows if name.endswith("/stop")}):
        found[detector.rsplit("_", 1)[0]].append(detector)
    return found


def summed(rows, length):
    sums = collections.Counter()
    for (detector, begin), vehicles in rows.items():
        sums[detector, begin - begin % length] += vehicles
    return sums


def pems_30_s(rows, path):
    with open(path, "w", encoding="utf-8") as file:
        for begin in range(BEGIN, BEGIN + SECONDS, PERIOD):
            for number, detectors in enumerate(stations(rows).values()):
                lanes = [f"{rows[name, begin]},.05,40" for name in detectors]
                file.write(",".join([stamp(begin), str(1000 + number), *lanes, *[",,"] * (8 - len(lanes))]) + "\n")


def pems_5_min(rows, path):
    sums = summed(rows, 300)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for begin in range(BEGIN, BEGIN + SECONDS, 300):
            for number, detectors in enumerate(stations(rows).values()):
                counts = [sums[name, begin] for name in detectors]
                lanes = [f"10,{count},.05,40,1" for count in counts]
                file.write(",".join([stamp(begin), str(1000 + number), "4", "101", "N", "ML", ".5", "20", "100",
                                     str(sum(counts)), ".05", "40", *lanes, *[",,,,"] * (8 - len(lanes))]) + "\n")


def utd19(rows, path):
    sums = summed(rows, 300)
    with open(path, "w", encoding="utf-8") as file:
        file.write('"day","interval","detid","flow","occ","error","city","speed"\n')
        for (detector, begin), count in sorted(sums.items()):
            file.write(f'2026-11-27,{begin},"{detector}",{count * 12},0.05,,"town",\n')
            file.write(f'2026-11-27,{begin},"K-{detector}",900,0.05,,"elsewhere",\n')
        file.write('2026-11-27,27000,"' + next(iter(sums))[0] + '",99999,0.05,1,"town",\n')


def mapping(rows, path, by_link=False):
    with open(path, "w", encoding="utf-8") as file:
        file.write("source,lane,place,factor\n# stations\n")
        for number, (link, detectors) in enumerate(stations(rows).items()):
            if by_link:
                file.write(f"{1000 + number},,{link},1\n")
            for lane, detector in enumerate(detectors, 1):
                if not by_link:
                    file.write(f"{1000 + number},{lane},{detector},1\n")


def what_if(counts, network, *words, code=0):
    out, error = run(INTERGREEN, "replay", counts, "--network", network, "--control", "max-pressure", "--json",
                     "--quiet", "--threads", 1, *words, code=code)
    return json.loads(out.strip().split("\n")[-1]) if code == 0 else error


@test
def every_layout_gives_the_same_day(folder):
    network, out, rows = counted(folder)
    pems_30_s(rows, folder / "raw.txt")
    pems_5_min(rows, folder / "summary.txt.gz")
    utd19(rows, folder / "utd.csv")
    mapping(rows, folder / "lanes.csv")
    mapping(rows, folder / "links.csv", by_link=True)
    stop_only = folder / "stop.csv"
    stop_only.write_text("source,place\n" + "".join(f"{name},{name}\n" for names in stations(rows).values()
                                                   for name in names), encoding="utf-8")
    lanes = sum(len(names) for names in stations(rows).values())
    base = what_if(out / "detectors.csv", network, "--mapping", stop_only)
    assert base["detectors"] == lanes and base["geh_below_5_percent"] >= 90, base
    same = [what_if(out / "detectors.xml", network, "--mapping", stop_only),
            what_if(folder / "raw.txt", network, "--mapping", folder / "lanes.csv"),
            what_if(folder / "summary.txt.gz", network, "--mapping", folder / "lanes.csv"),
            what_if(folder / "utd.csv", network, "--mapping", stop_only)]
    for other in same:
        assert other["detectors"] == lanes and other["trips"] == base["trips"], (other, base)
        assert other["strategies"] == base["strategies"] or other["geh_below_5_percent"] >= 90
    for name in ("raw.txt", "summary.txt.gz"):   # One place a link: its loops together.
        link = what_if(folder / name, network, "--mapping", folder / "links.csv")
        assert link["detectors"] == len(stations(rows)) and link["geh_below_5_percent"] >= 90, link
        assert abs(link["trips"] / base["trips"] - 1) < 0.1, (link["trips"], base["trips"])
    part = what_if(folder / "raw.txt", network, "--mapping", folder / "lanes.csv", "--from", "07:40", "--until",
                   "2026-11-27 07:50")
    assert 0.2 < part["trips"] / base["trips"] < 0.5, (part["trips"], base["trips"])


@test
def what_is_wrong_is_told_with_its_line(folder):
    network, out, rows = counted(folder)
    pems_30_s(rows, folder / "raw.txt")
    mapping(rows, folder / "lanes.csv")
    first = next(iter(stations(rows).values()))[0]

    def told(text, counts=folder / "raw.txt", by=folder / "lanes.csv"):
        error = what_if(counts, network, "--mapping", by, code=1)
        assert text in error, (text, error)

    def changed(source, name, line, change):
        lines = source.read_text(encoding="utf-8").split("\n")
        lines[line - 1] = change(lines[line - 1])
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
        return folder / name

    told("date.txt: line 3: '13/45", changed(folder / "raw.txt", "date.txt", 3,
                                             lambda line: line.replace("11/27", "13/45")))
    told("flow.txt: line 2: a flow of station 1001", changed(
        folder / "raw.txt", "flow.txt", 2, lambda line: ",".join([*line.split(",")[:2], "many"]) + ",.1,40"))
    told("map.csv: line 4: the network has no detector and no link 'nowhere/stop'", by=changed(
        folder / "lanes.csv", "map.csv", 4, lambda line: "1001,1,nowhere/stop,1"))
    told("factor.csv: line 5: the factor '-2'", by=changed(folder / "lanes.csv", "factor.csv", 5,
                                                           lambda line: f"1001,1,{first},-2"))
    (folder / "head.csv").write_text("station,place\n1,2\n", encoding="utf-8")
    told("head.csv: line 1: the header has no column 'source'", by=folder / "head.csv")
    (folder / "other.csv").write_text("a,b,c\n1,2,3\n", encoding="utf-8")
    told("other.csv: line 1: this begins no layout", counts=folder / "other.csv")
    broken = (out / "detectors.xml").read_text(encoding="utf-8")
    (folder / "cut.xml").write_text(broken[:len(broken) // 2], encoding="utf-8")
    told("cut.xml: line ", counts=folder / "cut.xml")
    (folder / "foreign.csv").write_text("source,place\nnobody," + first + "\n", encoding="utf-8")
    told("no count of it can be used", by=folder / "foreign.csv")
    error = run(INTERGREEN, "replay", folder / "raw.txt", "--control", "program", code=1)[1]
    assert "--network" in error, error
    error = run(INTERGREEN, "replay", folder / "raw.txt", "--control", "program", "--from", "noon", code=2)[1]
    assert "'noon' is no time" in error, error


if __name__ == "__main__":
    harness.main()
