"""Goal: `intergreen compare --out` ends in one HTML file that needs no network and whose charts are drawn and hold data, at
1280 px and on a phone, as a real browser sees it; and in CSV beside it."""
import csv
import re
import subprocess

import harness
from harness import INTERGREEN, run, test


def page_of(file, width):
    """The document after its scripts ran, as Chromium holds it."""
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
                           "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=8000", "--dump-dom",
                           f"file://{file}"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@test
def a_comparison_ends_in_a_report_that_a_browser_draws(folder):
    city, out = folder / "city", folder / "out"
    run(INTERGREEN, "generate", "--intersections", 20, "--seed", 4, "-o", city)
    text, _ = run(INTERGREEN, "compare", "--network", city / "network.ig", "--demand", city / "demand.ig", "--begin",
                  27000, "--seconds", 1200, "--control", "program,max-pressure", "--seeds", 2, "--out", out, "--quiet")
    assert "report.html" in text, text
    source = (out / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=|https?://(?!www\.w3\.org/2000/svg)", source), "it would ask the network"
    for width in (1280, 400):
        page = page_of(out / "report.html", width)
        assert 'data-ready="yes"' in page, page[-2000:]
        assert page.count('class="bar"') == 2
        assert page.count('class="level"') >= 2
        falls = re.findall(r"▼ \d+ %</b><span[^>]*>[^<]*95 % interval (-?\d+) to (-?\d+) %", page)
        assert all(int(least) <= int(most) <= 100 for least, most in falls), falls   # Nothing falls by more than all of it.
        # Where the hours go: ten approaches, the others, away from signals, and the sum, which the trips have too.
        rows = [re.findall(r"<td[^>]*>([^<]*)</td>", row)
                for row in re.findall(r"<tr>.*?</tr>", re.search(r'<table id="hours">(.*?)</table>', page, re.S)[1], re.S)][1:]
        assert len(rows) == 13, rows
        for column, strategy in ((1, "program"), (2, "max-pressure")):
            hours = [float(row[column]) for row in rows]
            assert abs(sum(hours[:-1]) - hours[-1]) < 0.05 * hours[-1] + 1, hours
            with open(out / f"{strategy}-1" / "trips.csv", encoding="utf-8") as file:
                lost = sum(float(trip["time_loss_s"]) + max(0.0, float(trip["entered_s"]) - float(trip["scheduled_s"]))
                           for trip in csv.DictReader(file) if trip["arrived_s"])
            assert 0.5 * hours[-1] < lost / 3600 < 1.05 * hours[-1], (lost / 3600, hours[-1])
        lines = re.findall(r'<polyline points="([^"]+)"', page)
        assert len(lines) >= 8 + 4 and all("NaN" not in line for line in lines)
        assert int(re.search(r'id="map"[^>]*data-drawn="(\d+)"|data-drawn="(\d+)"[^>]*id="map"', page)[1] or 0) > 50
        tracks = [int(count) for count in re.findall(r'data-tracks="(\d+)"', page)]
        assert len(tracks) == 2 and min(tracks) > 10, tracks
        purdue = re.findall(r'class="purdue".*?</svg>', page, re.S)
        assert len(purdue) == 2 and all(one.count("<circle") > 3 for one in purdue)
        bands = [int(count) for count in re.findall(r'data-bands="(\d+)"', page)]
        assert len(bands) == 2 and min(bands) > 0, bands
        monitors = re.findall(r'class="monitor".*?</svg>', page, re.S)
        assert len(monitors) == 2 and all(one.count("<rect") > 10 for one in monitors)
        assert page.count('<tr class="sensors">') == 2 and "Every sensor is good" in page
        assert page.count('class="tile"') >= 4 and "Minor streets:" in page and "Worst movement:" in page
        assert "undefined" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)
        assert "NaN" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    with open(out / "strategies.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["strategy"] for row in rows] == ["program", "max-pressure"]
    assert all(float(row["average_delay_s"]) > 0 and float(row["average_delay_s_half_width_95"]) > 0 for row in rows)
    with open(out / "approaches.csv", encoding="utf-8") as file:
        passages = sum(int(row["passages"]) for row in csv.DictReader(file) if row["strategy"] == "program")
    assert passages > 1000, passages


@test
def bad_sensors_are_named(folder):
    city, out = folder / "city", folder / "out"
    run(INTERGREEN, "generate", "--intersections", 12, "--seed", 6, "-o", city)
    run(INTERGREEN, "compare", "--network", city / "network.ig", "--demand", city / "demand.ig", "--begin", 27000,
        "--seconds", 600, "--control", "program", "--sensing", "camera,loops", "--dead-sensors", 0.2, "--out", out,
        "--quiet")
    page = page_of(out / "report.html", 1280)
    rows = re.findall(r'<tr class="sensors">(.*?)</tr>', page)
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in rows]
    assert [cell[1] for cell in cells] == ["Cameras", "Loops"], cells
    for cell in cells:   # kind: all, good, patchy, miscounts, dead
        total, good, patchy, wrong, dead = (int(value.replace(",", "")) for value in cell[2:7])
        assert total == good + patchy + wrong + dead and 0.05 * total < dead < 0.4 * total and patchy == 0, cell
    assert page.count("<td>dead</td>") > 5


@test
def runs_side_by_side_are_the_runs_alone(folder):
    city = folder / "city"
    run(INTERGREEN, "generate", "--intersections", 20, "--seed", 4, "-o", city)
    words = ["--network", city / "network.ig", "--demand", city / "demand.ig", "--begin", 27000, "--seconds", 900]
    table, _ = run(INTERGREEN, "compare", *words, "--control", "program,webster,max-pressure", "--seeds", 2, "--out",
                   folder / "out", "--quiet")
    for control in ("program", "webster", "max-pressure"):
        alone = harness.sim(*words, "--control", control, "--seed", 2, "--out", folder / "alone")
        assert (folder / "alone" / "tripinfo.xml").read_bytes() \
            == (folder / "out" / f"{control}-2" / "tripinfo.xml").read_bytes(), control
        assert alone["vehicles_arrived"] > 100


if __name__ == "__main__":
    harness.main()
