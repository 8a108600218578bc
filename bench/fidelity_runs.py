"""One scenario driven by SUMO and by our street, as the same kind of events, for bench_fidelity.py.

A vehicle *enters* an edge when its front is on it (a departure too), *passes* its stop line when the front crosses it
(between two steps, at even speed), and *arrives* when its route's last edge is done. Both simulators step whole seconds.
"""
import os
import subprocess
import xml.etree.ElementTree as xml
from collections import defaultdict

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROBE = os.path.join(ROOT, 'build', 'street-probe')
INTERGREEN = os.path.join(ROOT, 'build', 'intergreen')

# The same driver for both: no deviation of speeds and, unless it is asked for, no dawdling.
PARAMETERS = {'length': 5.0, 'minGap': 2.5, 'accel': 2.6, 'decel': 4.5, 'tau': 1.0, 'sigma': 0.0, 'speedDev': 0.0,
              'speedFactor': 1.0}


def vehicle_type(name, model, **changes):
    values = dict(PARAMETERS, **changes)
    text = ' '.join(f'{key}="{value}"' for key, value in values.items())
    return f'<vType id="{name}" carFollowModel="{model}" {text}/>'


class Run:
    """What happened: entered[name] = [(t, edge)], passed[edge] = [(t, name)], arrived[name] = t, seen[edge] = [...]"""

    def __init__(self):
        self.entered = defaultdict(list)
        self.passed = defaultdict(list)
        self.arrived = {}
        self.seen = defaultdict(list)      # (t, lane, name, front, speed)

    def durations(self):
        return {name: at - self.entered[name][0][0] for name, at in self.arrived.items() if self.entered[name]}

    def edge_times(self):
        """By edge: mean time from the stop line before it (or the departure) to its own, and of how many."""
        total, count = defaultdict(float), defaultdict(int)
        left = defaultdict(list)
        for edge, passes in self.passed.items():
            for t, name in passes:
                left[name].append((t, edge))
        for name, passes in left.items():
            begin = self.entered[name][0][0]
            for end, edge in sorted(passes):
                total[edge] += end - begin
                count[edge] += 1
                begin = end
        return {edge: (total[edge] / count[edge], count[edge]) for edge in total}


def checked(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f'{" ".join(command)}\n{done.stderr[-2000:]}')
    return done


def ours(net, routes, begin_s, seconds, watch=(), step_ms=1000):
    run = Run()
    out = checked([PROBE, net, routes, str(begin_s), str(seconds), str(step_ms), *watch]).stdout
    for line in out.splitlines():
        kind, *rest = line.split(' ')
        if kind == 'E':
            run.entered[rest[1]].append((float(rest[0]), rest[2]))
        elif kind == 'P':
            run.passed[rest[2]].append((float(rest[0]), rest[1]))
        elif kind == 'A':
            run.arrived[rest[1]] = float(rest[0])
            run.entered[rest[1]][0] = (float(rest[2]), run.entered[rest[1]][0][1])
        elif kind == 'V':
            run.seen[rest[1]].append((float(rest[0]), int(rest[2]), rest[3], float(rest[4]), float(rest[5])))
    return run


def sumo_command(net, routes, begin_s, seconds, step_s, extra):
    return ['sumo', '-n', net, '-r', routes, '-b', str(begin_s), '-e', str(begin_s + seconds), '--step-length',
            str(step_s), '--no-step-log', '--no-warnings', '--time-to-teleport', '-1', '--seed', '1', '--xml-validation',
            'never', *extra]


def sumo_short(net, routes, begin_s, seconds, watch=(), step_s=1):
    """By the position of every vehicle in every step: for small scenarios. SUMO gives the positions at the end of a
    step the time of its beginning; the lamps of that time held during the step."""
    run, last, inside = Run(), {}, set()
    where = os.path.join(os.path.dirname(routes), 'fcd.xml')
    checked(sumo_command(net, routes, begin_s, seconds, step_s, ['--fcd-output', where, '--precision', '4']))
    now, before = 0.0, set()
    for event, element in xml.iterparse(where, events=('start', 'end')):
        if element.tag == 'timestep' and event == 'start':
            now, here = float(element.get('time')) + step_s, set()
        elif element.tag == 'vehicle' and event == 'end':
            name, lane = element.get('id'), element.get('lane')
            front, speed = float(element.get('pos')), float(element.get('speed'))
            edge, index = lane.rsplit('_', 1)
            here.add(name)
            passed = now - min(front / speed if speed > 0.01 else 0.0, step_s)
            if edge.startswith(':'):
                if name not in inside and name in last:
                    run.passed[last[name]].append((passed, name))
                    inside.add(name)
                continue
            if last.get(name) != edge:
                if name in last and name not in inside:
                    run.passed[last[name]].append((passed, name))
                run.entered[name].append((now, edge))
                last[name] = edge
            inside.discard(name)
            if edge in watch:
                run.seen[edge].append((now, int(index), name, front, speed))
        elif element.tag == 'timestep':
            for name in before - here:
                run.arrived[name] = now
            before = here
            element.clear()
    return run


def sumo_long(net, routes, begin_s, seconds, extra=()):
    """By its own records of routes: for whole networks."""
    run = Run()
    folder = os.path.dirname(routes)
    where, trips = os.path.join(folder, 'vehroutes.xml'), os.path.join(folder, 'tripinfo.xml')
    checked(sumo_command(net, routes, begin_s, seconds, 1, [
        '--vehroute-output', where, '--vehroute-output.exit-times', '--vehroute-output.write-unfinished',
        '--tripinfo-output', trips, *extra]))
    for _, vehicle in xml.iterparse(where):
        if vehicle.tag != 'vehicle' or vehicle.get('depart') is None:
            continue
        route = vehicle.find('.//route[last()]')
        name = vehicle.get('id')
        edges = route.get('edges').split()
        # What departs in a step first moves in the next one: it stands there at the end of this one.
        run.entered[name].append((float(vehicle.get('depart')) + 1.0, edges[0]))
        for edge, left in list(zip(edges, route.get('exitTimes').split()))[:-1]:
            if float(left) >= 0.0:
                run.passed[edge].append((float(left) + 1.0, name))   # at the end of that step, as everywhere here
        vehicle.clear()
    for _, trip in xml.iterparse(trips):
        if trip.tag == 'tripinfo' and float(trip.get('arrival')) >= 0:
            run.arrived[trip.get('id')] = float(trip.get('arrival')) + 1.0
    return run


def net_of(folder, nodes, edges, connections='', programs='', options=()):
    """A network of plain descriptions, through netconvert."""
    parts = {'nod': f'<nodes>{nodes}</nodes>', 'edg': f'<edges>{edges}</edges>',
             'con': f'<connections>{connections}</connections>', 'tll': f'<tlLogics>{programs}</tlLogics>'}
    os.makedirs(folder, exist_ok=True)
    for kind, text in parts.items():
        with open(os.path.join(folder, f'in.{kind}.xml'), 'w', encoding='utf-8') as file:
            file.write(text)
    net = os.path.join(folder, 'net.net.xml')
    command = ['netconvert', '-n', f'{folder}/in.nod.xml', '-e', f'{folder}/in.edg.xml', '-o', net, '--no-turnarounds']
    command += ['-x', f'{folder}/in.con.xml'] if connections else []
    command += ['-i', f'{folder}/in.tll.xml'] if programs else []
    checked([*command, *options])
    return net


def write(folder, name, text):
    where = os.path.join(folder, name)
    with open(where, 'w', encoding='utf-8') as file:
        file.write(text)
    return where
