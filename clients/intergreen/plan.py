"""A plan, and the lamps that it means (engine/model/plan.h and lamp.h say the same in C)."""
from bisect import bisect_right

REASONS = ("none", "program", "splits", "stay", "switch", "minimum", "maximum", "gap", "override", "priority", "fallback")


class Plan:
    """What one intersection shows, from when until when.

    intersection   the Intersection; intersection.groups and .stages name what the numbers mean
    kind           "cyclic" (repeats with cycle_ms from base_ms) or "rolling" (lists every green once)
    version        (epoch, daemon, sequence), (0, 0, 0) for the network's own program
    valid_from_ms, valid_until_ms
    greens         tuples (group, stage, start_ms, end_ms), absolute times in a rolling plan, positions in a cyclic one
    reason         why: one of REASONS, with reason_stage, reason_now_value, reason_best_value
    """

    def __init__(self, intersection, greens, kind="rolling", base_ms=0, cycle_ms=0, version=(0, 0, 0), handover=False,
                 valid_from_ms=None, valid_until_ms=None, site_hash=0, fallback=0, join_ms=None, reason="none",
                 reason_stage=-1, reason_now_value=0, reason_best_value=0):
        self.intersection = intersection
        self.kind = kind
        self.base_ms = base_ms
        self.cycle_ms = cycle_ms
        self.version = version
        self.handover = handover
        self.valid_from_ms = valid_from_ms
        self.valid_until_ms = valid_until_ms
        self.site_hash = site_hash
        self.fallback = fallback
        self.reason = reason
        self.reason_stage = reason_stage
        self.reason_now_value = reason_now_value
        self.reason_best_value = reason_best_value
        self.greens = greens
        self.join_ms = join_ms           # greens that began before it are not shown: the fallback is joined at a start
        self.followers = []              # (from_ms, Plan): what is known to come after this one
        self._of_group = [([], []) for _ in intersection.groups]
        for group, stage, start_ms, end_ms in greens:
            self._of_group[group][0].append(start_ms)
            self._of_group[group][1].append((start_ms, end_ms, stage))

    @classmethod
    def from_message(cls, network, message):
        """From a Plan message of the daemon."""
        cyclic = message.kind == 0
        base_ms = 0 if cyclic else message.base_ms
        greens = list(zip(message.green_group, message.green_stage,
                          (base_ms + start for start in message.green_start_ms),
                          (base_ms + end for end in message.green_end_ms)))
        return cls(network.intersections[message.intersection], greens, "cyclic" if cyclic else "rolling",
                   message.base_ms, message.cycle_ms, (message.epoch, message.daemon, message.sequence),
                   message.handover, message.valid_from_ms, message.valid_until_ms, message.site_hash, message.fallback,
                   None, REASONS[message.reason] if message.reason < len(REASONS) else str(message.reason),
                   message.reason_stage, message.reason_now_value, message.reason_best_value)

    @classmethod
    def of_program(cls, network, intersection, join_ms=None):
        """The network's own program: what a controller plays when it has nothing else."""
        return cls(intersection, list(intersection.greens), "cyclic", network.reference_ms + intersection.offset_ms,
                   intersection.cycle_ms, join_ms=join_ms, reason="program")

    def at(self, t_ms):
        """The plan that is played at t: this one, or the one that is known to take its place by then."""
        plan = self
        for from_ms, follower in self.followers:
            if t_ms >= from_ms:
                plan = follower
        return plan

    def last_green(self, group, t_ms):
        """(start_ms, end_ms, stage) of the group's last green that begins at or before t; None without one."""
        starts, greens = self._of_group[group]
        if not starts:
            return None
        if self.kind == "rolling":
            i = bisect_right(starts, t_ms)
            return greens[i - 1] if i > 0 else None
        position_ms = (t_ms - self.base_ms) % self.cycle_ms
        i = bisect_right(starts, position_ms)
        start_ms, end_ms, stage = greens[i - 1]                # i == 0: the last one of the cycle before
        shift_ms = t_ms - position_ms - (self.cycle_ms if i == 0 else 0)
        return start_ms + shift_ms, end_ms + shift_ms, stage

    def lamp(self, group, t_ms):
        """(letter, since_ms) of a group at t; since_ms is None where the plan does not know."""
        green = self.last_green(group, t_ms)
        if green is None:
            return "r", None
        start_ms, end_ms, _ = green
        yellow_ms = self.intersection.groups[group].yellow_ms
        if self.join_ms is not None and start_ms < self.join_ms and t_ms < end_ms + yellow_ms:
            return "r", None
        if t_ms < end_ms:
            return "G", start_ms
        if t_ms < end_ms + yellow_ms:
            return "y", end_ms
        return "r", end_ms + yellow_ms

    def stage_index(self, t_ms):
        """Of the green that began last; -1 before the first."""
        latest = (None, -1)
        for group in range(len(self._of_group)):
            green = self.last_green(group, t_ms)
            if green is not None and (latest[0] is None or green[0] > latest[0]):
                latest = (green[0], green[2])
        return latest[1]

    def stage_at(self, t_ms):
        """The Stage at t: that of the green that began last. While the groups change it is the one that is left.

        Its `program_phase` is what a simulator that knows phases alone applies."""
        plan = self.at(t_ms)
        index = plan.stage_index(t_ms)
        if index < 0:                                          # a plan that begins with nothing: what it will show first
            coming = sorted((start_ms, stage) for _, stage, start_ms, _ in plan.greens if stage >= 0)
            index = coming[0][1] if coming else 0
        return plan.intersection.stages[index]

    def changing(self, t_ms):
        """Whether the intersection is between stages at t: some group of the stage is not green."""
        shown = aspects(self, t_ms)
        return any(shown[group] != "G" for group in self.stage_at(t_ms).groups)

    def __repr__(self):
        version = ".".join(map(str, self.version))
        return f"<Plan {version} of {self.intersection.name}: {self.kind}, {len(self.greens)} greens, {self.reason}>"


def aspects(plan, t_ms):
    """What every signal group of the plan's intersection shows at t, one letter each in the order of its groups:
    'G' green, 'y' yellow, 'r' red."""
    played = plan.at(t_ms)
    return "".join(played.lamp(group, t_ms)[0] for group in range(len(played.intersection.groups)))
