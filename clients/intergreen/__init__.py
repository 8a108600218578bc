"""Intergreen's Python client: close any simulator around the daemon, one clock, one call a tick.

    import intergreen

    with intergreen.Lockstep("unix:daemon.sock", "town.net.xml", strategy="adaptive") as engine:
        eyes = intergreen.Eyes(engine.network)
        for t_ms in range(0, 3600_000, 1000):
            plans = engine.advance(t_ms, eyes.look(vehicles_of_my_simulator()))
            for name, plan in plans.items():
                show(name, intergreen.aspects(plan, t_ms))          # one letter a signal group: G, y, r
                # or, for a simulator that knows phases alone: plan.stage_at(t_ms).program_phase

docs/lockstep.md tells the whole story, with a worked example.
"""
from .errors import Closed, Error, NotReachable, Refused, exit_code
from .lockstep import Lockstep
from .network import Network
from .observe import Eyes, Observations, Vehicle
from .plan import Plan, aspects
from .service import Daemon, serving

__version__ = "0.1.0"
__all__ = ["Closed", "Daemon", "Error", "Eyes", "Lockstep", "Network", "NotReachable", "Observations", "Plan", "Refused",
           "Vehicle", "aspects", "exit_code", "serving"]
