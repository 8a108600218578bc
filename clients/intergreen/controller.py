"""A signal controller in the simulator: it plays plans as a real one does (sim/traffic/signals.h tells the rules).

It plays the network's own program until a plan is handed over, each plan from its valid_from_ms on, and falls back when the
last one expires; what it shows it leaves by its own clearance.

    FALLBACK --hand-over plan accepted--> CLEARING --valid_from--> PLAN --plan--> PLAN
        ^                                                            |
        +---------------- CLEARING <-------- valid_until ------------+
"""
from .plan import Plan

PENDING_COUNT_MAX = 4            # accepted plans that wait for their time
AGE_MS_MAX = 2147483647
FALLBACK, CLEARING, PLAN = "fallback", "clearing", "plan"
TAKEN, STALE, REFUSED = 0, 1, 3                              # PlanAnswer
ASPECTS = {"-": 0, "r": 1, "u": 2, "G": 3, "y": 4}


class Controller:
    """Of one intersection."""

    def __init__(self, network, intersection, begin_ms):
        self.network = network
        self.intersection = intersection
        self.mode = FALLBACK
        self.playing = Plan.of_program(network, intersection)
        self.pending = []                # accepted, by valid_from_ms
        self.newest = (0, 0, 0)
        self.join_ms = None
        self.handover_ms = intersection.handover_ms()
        self.shown = [None] * len(intersection.groups)         # (letter, since_ms), since_ms None: before anybody looked
        self._light(begin_ms)

    # ---- lamps

    def _light(self, t_ms):
        for group, before in enumerate(self.shown):
            letter, since_ms = self.playing.lamp(group, t_ms)
            if before is None:
                self.shown[group] = (letter, since_ms)
            elif letter != before[0]:
                self.shown[group] = (letter, since_ms if since_ms is not None else t_ms)
            elif since_ms is not None and (before[1] is None or since_ms > before[1]):
                self.shown[group] = (letter, since_ms)

    def _clear(self, t_ms):
        """From t on no green begins, and each that shows ends as soon as its minimum allows."""
        self._light(t_ms)
        greens = []
        for group, (letter, since_ms) in enumerate(self.shown):
            if letter == "G":
                began_ms = since_ms if since_ms is not None else t_ms
                least_ms = began_ms + self.intersection.groups[group].green_ms_min
                greens.append((group, -1, began_ms, max(t_ms, least_ms)))
            elif letter == "y":
                greens.append((group, -1, since_ms - 1, since_ms))
        self.playing = Plan(self.intersection, greens, valid_from_ms=t_ms)
        self.mode = CLEARING

    # ---- what happens, other than lamps

    def _next(self):
        """(time, what) of the next thing that happens, or None."""
        found = None
        if self.pending:
            first = self.pending[0]
            clears = first.handover and self.mode != CLEARING
            found = (first.valid_from_ms - (self.handover_ms if clears else 0), "clear" if clears else "begin")
        if self.mode == PLAN and (found is None or self.playing.valid_until_ms < found[0]):
            found = (self.playing.valid_until_ms, "expire")
        # With a hand-over so near that its clearance would begin before the fallback is joined, it stays cleared.
        stays = found is not None and found[1] == "begin" and self.join_ms is not None \
            and found[0] - self.handover_ms <= self.join_ms
        if self.mode == CLEARING and self.join_ms is not None and not stays and (found is None or self.join_ms < found[0]):
            found = (self.join_ms, "fall back")
        return found

    def _happen(self, t_ms, what):
        if what == "begin":
            plan = self.pending.pop(0)
            if self.mode == PLAN or plan.handover:             # else its predecessor expired: nothing to go on from
                self.playing = plan
                self.mode = PLAN
        elif what == "fall back":
            self._light(t_ms)
            self.playing = Plan.of_program(self.network, self.intersection, self.join_ms)
            self.mode = FALLBACK
        else:
            self._clear(t_ms)
            self.join_ms = t_ms + self.handover_ms if what == "expire" else None

    def bring(self, now_ms):
        """To now: everything that was to happen by then has happened."""
        coming = self._next()
        while coming is not None and coming[0] <= now_ms:
            self._happen(*coming)
            coming = self._next()
        self._light(now_ms)

    # ---- plans

    def _plays_plan_at(self, t_ms):
        if self.mode == PLAN and self.playing.valid_until_ms >= t_ms:
            return True
        return any(plan.handover and plan.valid_from_ms < t_ms for plan in self.pending)

    def offer(self, plan, now_ms):
        """Takes the plan or refuses it: a PlanAnswer."""
        self.bring(now_ms)
        if plan.valid_from_ms < now_ms or plan.version <= self.newest:
            return STALE
        if plan.handover:
            if plan.valid_from_ms - now_ms < self.handover_ms:
                return REFUSED
        elif not self._plays_plan_at(plan.valid_from_ms):
            return REFUSED
        keep = [other for other in self.pending if other.valid_from_ms < plan.valid_from_ms]
        if len(keep) == PENDING_COUNT_MAX:
            return REFUSED
        self.pending = keep + [plan]
        self.newest = plan.version
        return TAKEN

    def course(self, now_ms, until_ms):
        """The plan that is played now, with those that will follow it until then."""
        self.bring(now_ms)
        self.playing.followers = []
        coming = self._next()
        if coming is None or coming[0] > until_ms:
            return self.playing
        ahead = Controller.__new__(Controller)
        ahead.__dict__.update(self.__dict__, pending=list(self.pending), shown=list(self.shown))
        while coming is not None and coming[0] <= until_ms:
            before = ahead.playing
            ahead._happen(*coming)
            if ahead.playing is not before:
                self.playing.followers.append((coming[0], ahead.playing))
            coming = ahead._next()
        return self.playing

    # ---- reports

    def report(self, now_ms, batch):
        """Appends its row to a ControllerStatusBatch whose base_ms is now."""
        plan = self.mode == PLAN
        running = self.playing.version if plan else (0, 0, 0)
        waiting = self.pending[-1].version if self.pending else (0, 0, 0)
        batch.intersection.append(self.intersection.index)
        batch.time_ms.append(0)
        batch.mode.append(0 if plan else 1)
        batch.running_epoch.append(running[0])
        batch.running_daemon.append(running[1])
        batch.running_sequence.append(running[2])
        batch.waiting_epoch.append(waiting[0])
        batch.waiting_daemon.append(waiting[1])
        batch.waiting_sequence.append(waiting[2])
        batch.stage.append(-1 if self.mode == CLEARING else self.playing.stage_index(now_ms))
        batch.faults.append(0)
        batch.group_count.append(len(self.shown))
        batch.age_ms.extend(AGE_MS_MAX if since_ms is None else min(now_ms - since_ms, AGE_MS_MAX)
                            for _, since_ms in self.shown)
        return bytes(ASPECTS[letter] for letter, _ in self.shown)
