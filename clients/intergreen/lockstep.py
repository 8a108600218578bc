"""Lockstep: a simulator owns the clock, and the daemon runs its engine tick by tick around it."""
import time
import warnings

from .connection import Connection
from .controller import TAKEN, Controller
from .errors import Closed, Error, Refused
from .messages import message
from .network import Network
from .observe import Eyes, Observations
from .plan import Plan

ROLE_SIMULATOR = 4
ERROR_READINGS, ERROR_NETWORK = 9, 14
CLOCK_OWNED = "another simulator owns the clock"      # and so it does for a moment after its session was closed
CLOCK_FREE_S, CLOCK_AGAIN_S = 2.0, 0.02
ROWS_PER_FRAME = 2000            # controllers or readings in one frame: far below the daemon's limit


class Lockstep:
    """One session of a simulator with a daemon.

    address     unix:PATH, HOST:PORT or tls:HOST:PORT of the daemon (its `listen`)
    network     a Network, or a file to load it from: the one that the daemon runs, in any of its forms
    strategy    of this session; None: the daemon's own
    begin_ms    where the clock starts; None: at the first advance
    step_ms     how far the clock goes from tick to tick
    seed, sensing   for the record
    token       proof of identity, where the daemon's registry asks for one
    tls         (certificate, key, authority), files in PEM, for an address with `tls:`; None: INTERGREEN_CERTIFICATE,
                INTERGREEN_KEY and INTERGREEN_AUTHORITY of the environment
    identity    None: "simulator", or over TLS what the certificate says

    It plays all signal controllers itself, as real ones would: what `advance` gives is what the lamps show, hand-over,
    clearance and fallback included."""

    def __init__(self, address, network, strategy=None, begin_ms=None, step_ms=1000, seed=0, sensing="camera",
                 token=None, identity=None, timeout_s=60.0, tls=None):
        self.address = address
        self.network = network if isinstance(network, Network) else Network.load(network)
        self.step_ms = step_ms
        self.now_ms = None
        self.refused_readings = 0        # by the daemon, since the session began
        self.refused_plans = 0           # by our controllers
        self.plans_taken = 0
        if identity is None:
            identity = "" if address.startswith("tls:") else "simulator"
        self._tls = tls
        self._hello = dict(role=ROLE_SIMULATOR, identity=identity, token=token, strategy=strategy, seed=seed,
                           sensing=sensing, timeout_s=timeout_s)
        self._connection = None
        self._controllers = []
        self._sequence = 0
        self._said_readings = False
        self._eyes = None
        if begin_ms is not None:
            self._open(begin_ms)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ---- the session

    def _open(self, begin_ms):
        told = self._hello
        hello = message("Hello")(protocol=1, role=told["role"], identity=told["identity"], software="intergreen-python",
                                 clock_ms=begin_ms, network_hash=self.network.hash)
        if told["token"]:
            hello.token = told["token"].encode() if isinstance(told["token"], str) else told["token"]
        options = hello.simulator
        options.begin_ms, options.step_ms, options.fresh = begin_ms, self.step_ms, True
        options.seed, options.sensing = told["seed"], told["sensing"]
        if told["strategy"]:
            options.strategy = told["strategy"]
        until = time.monotonic() + CLOCK_FREE_S
        while True:
            try:
                frame = self._welcome(hello)
                break
            except Refused as why:
                if CLOCK_OWNED not in str(why) or time.monotonic() >= until:
                    raise
                time.sleep(CLOCK_AGAIN_S)
        self._sequence = frame.welcome.sequence_after
        self._frame_bytes_max = frame.welcome.frame_bytes_max
        self._controllers = [Controller(self.network, at, begin_ms) for at in self.network.intersections]

    def _welcome(self, hello):
        self._connection = Connection(self.address, self._hello["timeout_s"], self._tls)
        try:
            self._connection.put(hello=hello)
            frame = self._receive()
            if frame.WhichOneof("kind") != "welcome":
                raise Error(f"{self.address}: did not say welcome: is it an intergreend?")
            return frame
        except Error:
            self.close()
            raise

    def _receive(self):
        """The next frame that is not small talk. An Error is raised, but for readings that were refused."""
        while True:
            frame = self._connection.receive()
            kind = frame.WhichOneof("kind")
            if kind == "heartbeat":
                if not frame.heartbeat.HasField("echo_clock_ms"):
                    self._connection.put(heartbeat=message("Heartbeat")(clock_ms=self.now_ms or 0,
                                                                        echo_clock_ms=frame.heartbeat.clock_ms))
            elif kind == "error":
                self._judge(frame.error)
            else:
                return frame

    def _judge(self, error):
        if error.code == ERROR_READINGS and not error.closing:
            self.refused_readings += error.refused_count
            if not self._said_readings:
                self._said_readings = True
                rows = ", ".join(f"row {row} (reason {reason})"
                                 for row, reason in zip(error.refused_row, error.refused_reason))
                warnings.warn(f"{self.address} refused {error.refused_count} readings: {rows}; docs/protocol.md has the "
                              "reasons. Said once; see refused_readings", stacklevel=4)
            return
        text = f"{self.address}: {error.text}"
        if error.field:
            text += f" (field {error.field})"
        if error.code == ERROR_NETWORK:
            text += (f": {self.network.source} has the hash {self.network.hash:016x}; load the file that the daemon's "
                     "configuration names, with the same additional files and intergreens")
        raise Refused(text, error.code)

    # ---- the clock

    def advance(self, t_ms, observations=None):
        """Tells the daemon what was seen up to t, runs its engine to t, and gives {intersection name: Plan}: for every
        intersection what it plays from t on, with what is known to follow.

        observations: Observations; or every Vehicle that is on a lane, seen with the session's own Eyes; or None when
        nothing was seen (the first tick)."""
        if self._connection is None:
            if self.now_ms is not None:
                raise Closed(f"{self.address}: this session was closed; make a new Lockstep")
            self._open(t_ms)
        if self.now_ms is not None and t_ms < self.now_ms:
            raise Error(f"the clock goes back from {self.now_ms} to {t_ms} ms: advance() takes rising times")
        if observations is not None and not isinstance(observations, Observations):
            self._eyes = self._eyes or Eyes(self.network)
            observations = self._eyes.look(observations)
        since_ms = t_ms - self.now_ms if self.now_ms is not None and t_ms > self.now_ms else self.step_ms
        self._say_reports(t_ms)
        if observations is not None:
            self._say_observations(observations, t_ms, since_ms)
        self._connection.put(clock_advance=message("ClockAdvance")(t_ms=t_ms))
        self._hear_plans(t_ms)
        self.now_ms = t_ms
        until_ms = t_ms + max(since_ms, self.step_ms)
        return {at.intersection.name: at.course(t_ms, until_ms) for at in self._controllers}

    def _say_reports(self, t_ms):
        for first in range(0, len(self._controllers), ROWS_PER_FRAME):
            batch = message("ControllerStatusBatch")(base_ms=t_ms)
            shown = []
            for controller in self._controllers[first:first + ROWS_PER_FRAME]:
                controller.bring(t_ms)
                shown.append(controller.report(t_ms, batch))
            batch.aspect = b"".join(shown)
            self._connection.put(controller_statuses=batch)

    def _say_observations(self, observations, t_ms, since_ms):
        if observations.network is not self.network and observations.network.hash != self.network.hash:
            raise Error("these observations are of another network than the session's")
        for first in range(0, max(len(observations.cameras), len(observations.loops)), ROWS_PER_FRAME):
            part = Observations(self.network)
            part.cameras = observations.cameras[first:first + ROWS_PER_FRAME]
            part.loops = observations.loops[first:first + ROWS_PER_FRAME]
            self._sequence += 1
            self._connection.put(observations=part.batch(self._sequence, t_ms, since_ms))

    def _hear_plans(self, t_ms):
        while True:
            frame = self._receive()
            kind = frame.WhichOneof("kind")
            if kind == "plan":
                controller = self._controllers[frame.plan.intersection]
                if controller.offer(Plan.from_message(self.network, frame.plan), t_ms) == TAKEN:
                    self.plans_taken += 1
                else:
                    self.refused_plans += 1
            elif kind == "clock_reached" and frame.clock_reached.t_ms == t_ms:
                return

    def request_priority(self, vehicle, lane, to_stop_m, speed_mps, route=(), kind="emergency", late_s=0,
                         departs_in_s=0):
        """A vehicle asks for green; repeat it while it comes nearer. lane: a Lane or its id; route: names of the links
        that it will take from its own on; departs_in_s: it has not set
        out yet, and will so long from now. The answer comes with the next advance."""
        if isinstance(lane, str):
            lane = self.network.lane(lane)
        if self._connection is None:
            raise Error("request_priority() before the first advance(): the session has not begun")
        self._connection.put(priority_request=message("PriorityRequest")(
            vehicle=vehicle, kind={"emergency": 0, "transit": 1}[kind], lane=lane.index, to_stop_mm=round(1000 * to_stop_m),
            speed_mmps=round(1000 * speed_mps), late_s=late_s,
            departs_in_ms=round(1000 * departs_in_s), route=[self.network.link(name).index for name in route]))
