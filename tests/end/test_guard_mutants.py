"""Goal: the guard's tests see every rule. Each mutant is the guard with one rule weakened, mostly by a hair; the tests of
tests/engine/test_guard.c and test_guard_change.c must fail on it. A mutant that survives, or whose text no longer stands in the guard, fails here.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILE = [os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O0", "-w", "-fsanitize=address,undefined",
           "-fno-sanitize-recover=all", f"-I{ROOT}"]
LIBRARIES = ["-fsanitize=address,undefined", "-lcmocka", "-lm"]
PROGRAMS = ("test_guard.c", "test_guard_change.c")
SECONDS_MAX = 60

MUTANTS = [  # (what is lost, file, text, what stands there instead)
    ("I1 symmetry of conflicts", "guarded_site.c", "if (there_ms == -1 && back_ms == -1) {",
     "if (there_ms == -1 || back_ms == -1) {"),
    ("I1 empty diagonal", "guarded_site.c", "if (i == j || !duration_ok(there_ms)", "if (!duration_ok(there_ms)"),
    ("I1 intergreen at least the yellow", "guarded_site.c", "if (there_ms < yellow_ms) {",
     "if (there_ms + 100 < yellow_ms) {"),
    ("I2 green beside yellow", "guard.c", "if (gap_ms < ending->yellow_ms) {", "if (gap_ms < 0) {"),
    ("I2 I4 I5 pairs of conflicting groups", "guard.c", "groups[i].conflicts & (rest & (rest - 1)); foes != 0",
     "groups[i].conflicts & 0; foes != 0"),
    ("I2 greens in a cycle, the way back", "guard.c",
     "return gap_check(trial, j, i, cycle_ms - ahead_ms - (b->end_ms - b->start_ms), b->end_ms);", "return rule;"),
    ("I2 greens in a cycle, the way there", "guard.c",
     "enum guard_rule rule = gap_check(trial, i, j, ahead_ms - (a->end_ms - a->start_ms), a->end_ms);",
     "enum guard_rule rule = GUARD_PASSED;"),
    ("I3 shortest yellow", "guarded_site.c", "group->yellow_ms < YELLOW_MS_MIN || group->yellow_ms > YELLOW_MS_MAX)) {",
     "group->yellow_ms > YELLOW_MS_MAX)) {"),
    ("I3 longest yellow", "guarded_site.c", "group->yellow_ms < YELLOW_MS_MIN || group->yellow_ms > YELLOW_MS_MAX)) {",
     "group->yellow_ms < YELLOW_MS_MIN)) {"),
    ("I3 yellow cut short by the next green", "laid_plan.c", "if (start_ms - end_ms < yellow_ms) {",
     "if (start_ms - end_ms + 100 < yellow_ms) {"),
    ("I3 I9 greens of a group across the wrap", "laid_plan.c",
     "rule = (ret->present >> g & 1) != 0 ? wrap_check(site, ret, g, refusal) : GUARD_PASSED;", "rule = GUARD_PASSED;"),
    ("I4 red clearance", "guard.c", "if (gap_ms < ending->clearance_ms) {", "if (gap_ms + 100 < ending->clearance_ms) {"),
    ("I4 red clearance at the change", "course.c",
     "needed_ms = needed_ms > ending->clearance_ms ? needed_ms : ending->clearance_ms;", ""),
    ("I5 intergreen", "guard.c", "if (gap_ms < intergreen_ms) {", "if (gap_ms + 100 < intergreen_ms) {"),
    ("I5 direction of the intergreen", "guard.c", "site_intergreen_ms(trial->site, i, j);",
     "site_intergreen_ms(trial->site, i < j ? i : j, i < j ? i : j);"),
    ("I6 minimum green", "guard.c", "green->end_ms - green->start_ms < group->green_ms_min) {",
     "green->end_ms - green->start_ms + 100 < group->green_ms_min) {"),
    ("I6 only a green at the plan's end is open", "guard.c", "laid->base_ms + green->end_ms < laid->until_ms;", "false;"),
    ("I6 minimum green in a cycle", "guard.c", "laid->cycle_ms > 0 ? (laid->endless >> g & 1) == 0",
     "laid->cycle_ms > 0 ? false"),
    ("I6 first green of a hand-over", "guard.c", " || trial->request->candidate->handover;", ";"),
    ("I7 red between greens", "guard.c", "if (bounded && next_ms - green->end_ms > red_ms_most) {",
     "if (bounded && next_ms - green->end_ms > red_ms_most + 100) {"),
    ("I7 second limit for an emergency alone", "course.c", "request->emergency && candidate->cycle_ms == 0",
     "candidate->cycle_ms == 0"),
    ("I7 second limit of rolling plans alone", "course.c", "request->emergency && candidate->cycle_ms == 0",
     "request->emergency"),
    ("I7 no red beyond the second limit", "course.c", "? group->red_ms_max_emergency", "? 100000000"),
    ("I7 a group never green in a cycle", "guard.c",
     "if (bounded && laid->cycle_ms > 0 && laid->first[g] == laid->first[g + 1]) {", "if (false) {"),
    ("I7 demand does not matter in a cycle", "guard.c",
     "&& (laid->cycle_ms > 0 || (trial->request->idle >> g & 1) == 0);",
     "&& (trial->request->idle >> g & 1) == 0;"),
    ("I7 red from before the change", "course.c", "if (end_ms > latest_ms) {", "if (end_ms > latest_ms + 100) {"),
    ("I7 no later than the running plan has it", "course.c", "latest_ms = promised_ms < before->until_ms",
     "latest_ms = promised_ms <= before->until_ms + 100000000 && promised_ms != INT64_MAX ? INT64_MAX : promised_ms < before->until_ms"),
    ("I7 red until the plan ends", "course.c", "return start_ms == INT64_MAX ? candidate->until_ms : start_ms;",
     "return start_ms == INT64_MAX ? 0 : start_ms;"),
    ("I7 red of a hand-over", "course.c", "if (end_ms - from_ms > most_ms) {",
     "if (end_ms - from_ms > most_ms + 100) {"),
    ("I8 shortest cycle", "laid_plan.c", "if (plan->cycle_ms < site->cycle_ms_min || plan->cycle_ms > site->cycle_ms_max) {",
     "if (plan->cycle_ms <= 0 || plan->cycle_ms > site->cycle_ms_max) {"),
    ("I8 longest cycle", "laid_plan.c", "if (plan->cycle_ms < site->cycle_ms_min || plan->cycle_ms > site->cycle_ms_max) {",
     "if (plan->cycle_ms < site->cycle_ms_min) {"),
    ("I8 offset below the cycle", "laid_plan.c", "plan->offset_ms >= plan->cycle_ms) {", "plan->offset_ms > plan->cycle_ms) {"),
    ("I8 offset against the reference instant", "laid_plan.c",
     "if ((plan->base_ms - reference_ms - plan->offset_ms) % plan->cycle_ms != 0) {", "if (false) {"),
    ("I8 quantum of a green's start", "laid_plan.c", "green->start_ms % site->quantum_ms != 0\n        || ", ""),
    ("I8 quantum of a green's end", "laid_plan.c", "\n        || green->end_ms % site->quantum_ms != 0) {", ") {"),
    ("I8 quantum of valid_from", "laid_plan.c", "|| plan->valid_from_ms % quantum_ms != 0", ""),
    ("I8 quantum of the yellow", "guarded_site.c", "if (group->yellow_ms % at->quantum_ms != 0) {", "if (false) {"),
    ("I8 a green within the plan", "laid_plan.c", "&& plan->base_ms + end_ms <= plan->valid_until_ms;", ";"),
    ("I8 order of groups", "laid_plan.c", "if (i > 0 && green->group < green[-1].group) {", "if (false) {"),
    ("I9 greens that touch", "laid_plan.c", "if (start_ms <= end_ms) {", "if (start_ms < end_ms) {"),
    ("I10 minimum green, ended by the change", "course.c",
     "if (tail->lit && from_ms - tail->start_ms < group->green_ms_min) {",
     "if (tail->lit && from_ms - tail->start_ms + 100 < group->green_ms_min) {"),
    ("I10 minimum green, ended after the change", "course.c", "if (ends && span.end_ms - start_ms < group->green_ms_min) {",
     "if (ends && span.end_ms - start_ms + 100 < group->green_ms_min) {"),
    ("I10 a green counts from its real start", "course.c", "int64_t start_ms = tail->lit ? tail->start_ms : from_ms;",
     "int64_t start_ms = span.start_ms;"),
    ("I10 the yellow that is due", "course.c", "bool due = ret->last_end_ms + group->yellow_ms > from_ms;", "bool due = false;"),
    ("I10 the yellow that is not due", "course.c",
     "bool shown = listed && !lit && span.end_ms + group->yellow_ms > from_ms;",
     "bool shown = listed && !lit && span.end_ms + group->yellow_ms > from_ms && due;"),
    ("I10 the same yellow in both", "course.c", "(!shown || span.end_ms != ret->last_end_ms)", "!shown"),
    ("I10 intergreen over the change", "course.c", "if (start_ms < turns[i].last_end_ms + needed_ms) {",
     "if (start_ms + 100 < turns[i].last_end_ms + needed_ms) {"),
    ("I10 yellow beside a green that stays", "course.c", "needed_ms = ending->yellow_ms;", "needed_ms = 0;"),
    ("I10 after the plan under way", "guard.c", "if (running.comes) {", "if (running.comes && running.surely) {"),
    ("I10 after the playing plan alone", "guard.c", "if (rule == GUARD_PASSED && !(running.comes && running.surely)) {",
     "if (rule == GUARD_PASSED && !running.comes) {"),
    ("I10 a plan under way lights a group", "course.c", "tail->start_ms = tail->lit ? tail->start_ms : from_ms;",
     "tail->start_ms = tail->lit ? tail->start_ms : span.start_ms;"),
    ("I12 site hash", "guard.c", "if (plan->site_hash != trial->site->hash || !newest) {", "if (!newest) {"),
    ("I12 newer than the running plans", "guard.c",
     "newest = newest && newer(plan->version, trial->request->running[i]->version);", ""),
    ("I12 newer than what is reported", "guard.c", "(newer(plan->version, report->running)", "(true"),
    ("I12 not older than what waits", "guard.c", "&& !newer(report->waiting, plan->version)));", "));"),
    ("I12 an epoch and a sequence", "guard.c", "plan->version.epoch >= 1 && plan->version.sequence >= 1;", "true;"),
    ("I12 not from the past", "guard.c", "if (from_ms < now_ms || now_ms", "if (from_ms + 100 < now_ms || now_ms"),
    ("I12 not too far ahead", "guard.c", "|| from_ms - now_ms > GUARD_AHEAD_MS_MAX) {", ") {"),
    ("I12 longest validity", "guard.c", "if (plan->valid_until_ms - from_ms > valid_ms_max) {", "if (false) {"),
    ("I12 an empty validity", "laid_plan.c", "if (plan->valid_until_ms <= plan->valid_from_ms) {", "if (false) {"),
    ("I16 a report in time", "guard.c", "report->time_ms < now_ms - GUARD_REPORT_AGE_MS_MAX ||", ""),
    ("I16 a report not from the future", "guard.c", "report->time_ms > now_ms + GUARD_CLOCK_MS_MAX", "false"),
    ("I16 mode", "guard.c", " || report->mode != CONTROLLER_PLAN) {", ") {"),
    ("I16 a waiting plan that is not known", "guard.c",
     "|| !(none(report->waiting) || ret->surely || same(report->waiting, request->candidate->version))) {", ") {"),
    ("I16 a running plan of this site", "guard.c", "&& plan->site_hash == trial->site->hash\n", "\n"),
    ("I16 a running plan that lasts", "guard.c",
     "if (running->playing.until_ms < turn_ms || last->until_ms < from_ms) {", "if (false) {"),
    ("I16 a running plan that has begun", "guard.c",
     "return ret->playing.from_ms <= report->time_ms + trial->site->quantum_ms\n        && ", "return "),
    ("I16 the report shows what runs", "course.c", "                *ret_group = g;\n                return false;",
     "                ;"),
    ("I16 a report of no age", "course.c", "if (report->age_ms[g] < 0) {", "if (false) {"),
    ("I16 the worse start of a green", "course.c", "later(start_ms, reported_ms) : reported_ms;",
     "start_ms : reported_ms;"),
    ("I16 the worse end of a green", "course.c", "        late_ms = later(late_ms, span.end_ms);\n", ""),
    ("I16 the longer red", "course.c", "early_ms = early_ms < span.end_ms ? early_ms : span.end_ms;",
     "early_ms = span.end_ms;"),
    ("I16 a hand-over in good time", "guard.c", "if (ahead_ms < trial->site->handover_ms) {",
     "if (ahead_ms + 1 < trial->site->handover_ms) {"),
    ("I16 hand-over time of the site", "guarded_site.c", "clear_ms = groups[i].clearance_ms > clear_ms ? groups[i].clearance_ms : clear_ms;", ""),
    ("I16 a hand-over begins in red", "course.c", "&& span.end_ms + group->yellow_ms > from_ms) {", "&& false) {"),
    ("malformed: flag", "laid_plan.c", "&& flag_ok(&plan->handover)", ""),
    ("malformed: times", "laid_plan.c", "&& time_ok(plan->base_ms) &&", "&&"),
    ("malformed: group", "laid_plan.c", "green->group < 0 || green->group >= site->group_count ||", ""),
    ("malformed: stage", "laid_plan.c", "green->stage < 0\n        || green->stage >= site->stage_count", "false"),
    ("malformed: count", "laid_plan.c", "plan->green_count <= PLAN_GREEN_COUNT_MAX", "true"),
    ("malformed: intersection", "guard.c", "if (plan->intersection < 0 ||", "if ("),
]


def compile_all(into):
    """Objects of everything that the test programs need, by file name."""
    sources = [source for room in ("guard", "base", "model") for source in sorted((ROOT / "engine" / room).glob("*.c"))]
    sources += [ROOT / "tests/engine" / name for name in ("toy_network.c", "guard_scene.c", *PROGRAMS)]
    objects = {source.name: into / f"{source.stem}.o" for source in sources}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda s: subprocess.run([*COMPILE, "-c", str(s), "-o", str(objects[s.name])], check=True), sources))
    return objects


def passes(objects, program):
    """Whether all test programs pass, linked of these objects."""
    for test in PROGRAMS:
        others = [str(path) for name, path in objects.items() if name not in PROGRAMS]
        subprocess.run([COMPILE[0], str(objects[test]), *others, "-o", str(program), *LIBRARIES], check=True)
        try:
            done = subprocess.run([str(program)], capture_output=True, timeout=SECONDS_MAX, check=False)
        except subprocess.TimeoutExpired:
            return False
        if done.returncode != 0:
            return False
    return True


def survives(number, objects, into):
    _, name, text, instead = MUTANTS[number]
    source = (ROOT / "engine/guard" / name).read_text()
    if source.count(text) != 1:
        raise LookupError(f"stands {source.count(text)} times in {name}")
    mutant = into / f"mutant-{number}.c"
    mutant.write_text(source.replace(text, instead))
    mine = dict(objects, **{name: into / f"mutant-{number}.o"})
    subprocess.run([*COMPILE, "-c", str(mutant), "-o", str(mine[name])], check=True)
    return passes(mine, into / f"mutant-{number}")


def report(number, objects, into):
    what = MUTANTS[number][0]
    try:
        survived = survives(number, objects, into)
    except (LookupError, subprocess.CalledProcessError) as problem:
        return f"not ok mutant without {what}: {problem}"
    return f"not ok mutant without {what}: it survives" if survived else f"ok mutant without {what}: killed"


def main():
    with tempfile.TemporaryDirectory() as folder:
        into = pathlib.Path(folder)
        objects = compile_all(into)
        if not passes(objects, into / "whole"):
            print("not ok the guard itself passes its tests")
            return 1
        print("ok the guard itself passes its tests")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            lines = list(pool.map(lambda n: report(n, objects, into), range(len(MUTANTS))))
    print("\n".join(lines))
    return 1 if any(line.startswith("not ok") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
