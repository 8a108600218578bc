"""`./dev bench fidelity`: our street beside Debian's `sumo` in the same run, with the same drivers: car following and its
parameters, no deviation of speeds. Rows: what, ours, sumo, difference, bound, holds. The bounds are those of the
project's promise; rows without a bound only show.
"""
import json
import math
import os
import random
import sys
import tempfile

from fidelity_runs import (INTERGREEN, ROOT, checked, net_of, ours, sumo_long, sumo_short, vehicle_type, write)
from fidelity_roads import ROADS, road
from fidelity_towns import ACTUATED, TOWNS, town

DATA = os.path.join(os.path.dirname(ROOT), 'shared', 'data')
MODELS = ('IDM', 'Krauss')
ROWS = []


def row(what, our_value, sumo_value, difference, bound, unit=''):
    """difference: as a share, or in the unit where one is given."""
    holds = None if bound is None else abs(difference) <= bound
    ROWS.append({'what': what, 'ours': round(our_value, 4), 'sumo': round(sumo_value, 4),
                 'difference': round(difference, 4), 'bound': bound, 'holds': holds, 'unit': unit or 'share'})
    shown = f'{difference:+.2f} {unit}' if unit else f'{100 * difference:+.1f} %'
    limit = '' if bound is None else f'{bound} {unit}' if unit else f'{100 * bound:.0f} %'
    word = '' if holds is None else 'holds' if holds else 'FAILS'
    print(f'{what:<58}{our_value:>11.2f}{sumo_value:>11.2f}{shown:>12}{limit:>9}  {word}', flush=True)


def compare(what, our_value, sumo_value, bound):
    row(what, our_value, sumo_value, our_value / sumo_value - 1.0 if sumo_value else math.inf, bound)


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else math.nan


def routes_of(folder, types, rest):
    return write(folder, 'in.rou.xml', f'<routes>{types}{rest}</routes>')


# Saturation flow and start-up lost time, as the Highway Capacity Manual measures them: headways at the stop line from
# the fifth vehicle of the queue on; what the first four take longer than that.
GREEN_S, RED_S = 60, 80


def stop_line_net(folder):
    nodes = ('<node id="a" x="0" y="0"/><node id="j" x="700" y="0" type="traffic_light"/><node id="b" x="1400" y="0"/>'
             '<node id="c" x="700" y="300"/><node id="d" x="700" y="-300"/>')
    edges = ''.join(f'<edge id="{name}" from="{name[0]}" to="{name[1]}" numLanes="1" speed="13.89"/>'
                    for name in ('aj', 'jb', 'cj', 'jd'))
    links = ('<connection from="aj" to="jb"/><connection from="cj" to="jd"/>')
    net = net_of(folder, nodes, edges, links)
    with open(net, encoding='utf-8') as file:
        text = file.read()
    begin, end = text.index('<tlLogic'), text.index('</tlLogic>') + len('</tlLogic>')
    main = text.index('from="aj" to="jb"')
    first = 'linkIndex="0"' in text[main:text.index('/>', main)]
    state = (lambda a, c: a + c) if first else (lambda a, c: c + a)
    phases = [(RED_S - 8, state('r', 'G')), (3, state('r', 'y')), (5, state('r', 'r')), (GREEN_S, state('G', 'r')),
              (3, state('y', 'r')), (2, state('r', 'r'))]
    program = ('<tlLogic id="j" type="static" programID="0" offset="0">'
               + ''.join(f'<phase duration="{s}" state="{letters}"/>' for s, letters in phases) + '</tlLogic>')
    return write(folder, 'net.net.xml', text[:begin] + program + text[end:])


def discharge(passes):
    """Saturation flow and lost time of the greens of a run."""
    cycle = RED_S + GREEN_S + 5
    losses, headways = [], []
    for k in range(1, 6):
        green = k * cycle + RED_S
        times = [t for t, _ in sorted(passes) if green <= t < green + GREEN_S]
        if len(times) < 20:
            continue
        saturated = (times[19] - times[3]) / 16.0
        headways.append(saturated)
        losses.append(times[3] - green - 4.0 * saturated)
    return 3600.0 * len(headways) / sum(headways), sum(losses) / len(losses)


def stop_line(folder, model):
    net = stop_line_net(folder)
    routes = routes_of(folder, vehicle_type('t', model),
                       '<route id="r" edges="aj jb"/><flow id="f" type="t" route="r" begin="0" end="900" '
                       'vehsPerHour="1000" departSpeed="max"/>')
    mine, theirs = ours(net, routes, 0, 900), sumo_short(net, routes, 0, 900)
    (flow, lost), (flow_sumo, lost_sumo) = discharge(mine.passed['aj']), discharge(theirs.passed['aj'])
    compare(f'stop line, {model}: saturation flow, veh/h', flow, flow_sumo, 0.03)
    row(f'stop line, {model}: start-up lost time, s', lost, lost_sumo, lost - lost_sumo, 0.3, 's')
    fine = discharge(ours(net, routes, 0, 900, step_ms=100).passed['aj'])
    row(f'stop line, {model}: saturation flow at 0.1 s steps beside 1 s', fine[0], flow, fine[0] / flow - 1.0,
        0.03 if model == 'IDM' else None)


# Saturation flow and lost time as they are asked for, at both steps.
def calibration(folder, model):
    net = stop_line_net(folder)
    for flow, lost in ((1500, 0.5), (1700, 4.0), (1900, 2.0), (2200, 1.0)):
        for step_ms in (1000, 100):
            wish = f'<param key="saturationFlow" value="{flow}"/><param key="startLoss" value="{lost}"/>'
            kind = vehicle_type('t', model).replace('/>', f'>{wish}</vType>')
            routes = routes_of(folder, kind, '<route id="r" edges="aj jb"/><flow id="f" type="t" route="r" begin="0" '
                               'end="900" vehsPerHour="1000" departSpeed="max"/>')
            got_flow, got_lost = discharge(ours(net, routes, 0, 900, step_ms=step_ms).passed['aj'])
            # Krauss in whole seconds reacts in whole seconds: its flow jumps with the parameters, as SUMO's does.
            bound = model == 'IDM' or step_ms < 1000
            row(f'wished for (not SUMO\'s), {model}, {step_ms} ms: saturation flow, veh/h', got_flow, flow,
                got_flow / flow - 1.0, 0.02 if bound else None)
            row(f'wished for (not SUMO\'s), {model}, {step_ms} ms: lost time, s', got_lost, lost, got_lost - lost,
                max(0.02 * lost, 0.05) if bound else None, 's')


# The fundamental diagram: flow over a cut of a ring of 1,000 m, by density.
RING_PIECES = 100   # of 10 m: each vehicle has one of its own to begin on


def ring(folder, model):
    nodes, edges = '', ''
    for i in range(RING_PIECES):
        angle = 2.0 * math.pi * i / RING_PIECES
        radius = 5.0 / math.sin(math.pi / RING_PIECES)
        nodes += f'<node id="n{i}" x="{radius * math.cos(angle):.2f}" y="{radius * math.sin(angle):.2f}"/>'
        edges += f'<edge id="e{i}" from="n{i}" to="n{(i + 1) % RING_PIECES}" numLanes="1" speed="13.89" priority="1"/>'
    net = net_of(folder, nodes, edges, options=['--no-internal-links'])
    for count in (15, 30, 45, 60, 80, 100):
        trips = ''
        for i in range(count):
            at = i * RING_PIECES // count
            lap = ' '.join(f'e{(at + k) % RING_PIECES}' for k in range(RING_PIECES))
            trips += (f'<vehicle id="v{i}" type="t" depart="0" departSpeed="0"><route edges="{lap}" repeat="30"/>'
                      '</vehicle>')
        routes = routes_of(folder, vehicle_type('t', model), trips)
        flows = []
        edges_all = [f'e{i}' for i in range(RING_PIECES)]
        for run in (ours(net, routes, 0, 1200, edges_all), sumo_short(net, routes, 0, 1200, edges_all)):
            flows.append(3.6 * count * mean(v for seen in run.seen.values() for t, _, _, _, v in seen if t >= 600.0))
        compare(f'ring, {model}, {count} veh/km: flow, veh/h', *flows, 0.05)


# A permissive left turn from a lane of its own, always queued, against an opposing flow under the same green.
def left_turn(folder, model):
    nodes = '<node id="c" x="0" y="0" type="traffic_light"/>' + ''.join(
        f'<node id="{name}" x="{x}" y="{y}"/>' for name, x, y in
        (('w', -400, 0), ('e', 400, 0), ('n', 0, 400), ('s', 0, -400)))
    edges = ''
    for name in 'wens':
        lanes = 2 if name == 'w' else 1
        edges += (f'<edge id="{name}i" from="{name}" to="c" numLanes="{lanes}" speed="13.89"/>'
                  f'<edge id="{name}o" from="c" to="{name}" numLanes="1" speed="13.89"/>')
    links = ('<connection from="wi" to="eo" fromLane="0" toLane="0"/><connection from="wi" to="no" fromLane="1" '
             'toLane="0"/><connection from="ei" to="wo" fromLane="0" toLane="0"/><connection from="ni" to="so" '
             'fromLane="0" toLane="0"/><connection from="si" to="no" fromLane="0" toLane="0"/>')
    net = net_of(folder, nodes, edges, links, options=['--tls.cycle.time', '90', '--tls.left-green.time', '0'])
    for opposing in (200, 400, 600, 800, 1400):
        trips = [(i * 2.4, 'l') for i in range(1500)]
        draw, at = random.Random(opposing), 0.0
        while at < 3600.0:
            at += draw.expovariate(opposing / 3600.0)
            trips.append((at, 'o'))
        flows = '<route id="l" edges="wi no"/><route id="o" edges="ei wo"/>' + ''.join(
            f'<vehicle id="{route}{i}" type="t" route="{route}" depart="{at:.2f}" departSpeed="max"/>'
            for i, (at, route) in enumerate(sorted(trips)))
        routes = routes_of(folder, vehicle_type('t', model), flows)
        mine, theirs = ours(net, routes, 0, 3600), sumo_short(net, routes, 0, 3600)
        # Those that got into the exit: one who is kept from the turn lane drives on elsewhere.
        counts = [sum(1 for stays in run.entered.values() for t, edge in stays if edge == 'no' and t > 300)
                  * 3600 / 3300 for run in (mine, theirs)]
        # SUMO's IDM brakes for left turners that wait inside, until the opposing traffic itself breaks down.
        flows = [len(run.passed['ei']) for run in (mine, theirs)]
        sound = flows[1] > 0.97 * flows[0]
        compare(f'permissive left, {model}, {opposing} veh/h opposing: capacity', *counts, 0.10 if sound else None)


# When the queue before a bottleneck reaches the junction upstream. The queue comes back in each red; whether one of these
# or the next one is the first to stop somebody at the junction hangs on half a second of an arrival: SUMO's own time
# jumps by a cycle when its flow begins a second later (decision 0111, rule 35). So the flow begins at several seconds,
# over which the times are averaged.
SPILL_STARTS = range(8)
SPILL_S = 1000


def spill_back(folder, model):
    nodes = ('<node id="a" x="-600" y="0"/><node id="u" x="0" y="0" type="priority"/>'
             '<node id="j" x="400" y="0" type="traffic_light"/><node id="b" x="800" y="0"/>'
             '<node id="c" x="400" y="300"/><node id="d" x="400" y="-300"/><node id="p" x="0" y="300"/>'
             '<node id="q" x="0" y="-300"/>')
    edges = ''.join(f'<edge id="{name}" from="{name[0]}" to="{name[1]}" numLanes="1" speed="13.89" priority="{rank}"/>'
                    for name, rank in (('au', 3), ('uj', 3), ('jb', 3), ('cj', 2), ('jd', 2), ('pu', 1), ('uq', 1)))
    links = ('<connection from="au" to="uj"/><connection from="uj" to="jb"/><connection from="cj" to="jd"/>'
             '<connection from="pu" to="uq"/>')
    net = net_of(folder, nodes, edges, links, options=['--tls.cycle.time', '90'])
    for demand in (1000, 1200, 1400):
        times = ([], [])
        for start in SPILL_STARTS:
            routes = routes_of(folder, vehicle_type('t', model),
                               f'<route id="r" edges="au uj jb"/><flow id="f" type="t" route="r" begin="{start}" '
                               f'end="{SPILL_S}" vehsPerHour="{demand}" departSpeed="max"/>')
            for found, drive in zip(times, (ours, sumo_short)):
                run = drive(net, routes, 0, SPILL_S, ['uj'])
                found.append(min([t for t, _, _, front, speed in run.seen['uj'] if front < 15.0 and speed < 1.0],
                                 default=math.inf))
            if start == 0 and math.inf in times[0] and math.inf in times[1]:
                break   # it carries so much
        if math.inf in times[1]:
            continue
        compare(f'spill-back, {model}, {demand} veh/h: reaches upstream after, s', *map(mean, times), 0.10)


def correlation(pairs):
    """Of means over edges, each edge as often as it was driven."""
    weight = sum(w for _, _, w in pairs)
    x_mean, y_mean = sum(x * w for x, _, w in pairs) / weight, sum(y * w for _, y, w in pairs) / weight
    cross = sum((x - x_mean) * (y - y_mean) * w for x, y, w in pairs)
    return cross / math.sqrt(sum((x - x_mean) ** 2 * w for x, _, w in pairs)
                             * sum((y - y_mean) ** 2 * w for _, y, w in pairs))


def network(what, net, routes, begin_s, seconds, bound, bound_correlation):
    mine, theirs = ours(net, routes, begin_s, seconds), sumo_long(net, routes, begin_s, seconds)
    compare(f'{what}: mean trip duration, s', mean(mine.durations().values()), mean(theirs.durations().values()), bound)
    compare(f'{what}: arrived', len(mine.arrived), len(theirs.arrived), bound)
    times, times_sumo = mine.edge_times(), theirs.edge_times()
    pairs = [(times[edge][0], times_sumo[edge][0], 1) for edge in times
             if edge in times_sumo and min(times[edge][1], times_sumo[edge][1]) >= 10]
    if len(pairs) < 3:
        return
    value = correlation(pairs)
    ROWS.append({'what': f'{what}: correlation of {len(pairs)} edges\' mean travel times', 'ours': round(value, 4),
                 'sumo': 1.0, 'difference': round(value - 1.0, 4), 'bound': bound_correlation,
                 'holds': None if bound_correlation is None else value >= bound_correlation, 'unit': 'at least'})
    print(f'{ROWS[-1]["what"]:<80}{value:>11.3f}  {"" if ROWS[-1]["holds"] is None else "holds" if ROWS[-1]["holds"] else "FAILS"}')


def cologne(folder, model):
    source = os.path.join(DATA, 'cologne8')
    if not os.path.isdir(source):
        print('cologne8 is not here: SKIPPED')
        return
    with open(os.path.join(source, 'cologne8.rou.xml'), encoding='utf-8') as file:
        text = file.read()
    begin = text.index('<vType')
    text = text[:begin] + vehicle_type('pkw', model, length=4.3, minGap=1.5) + text[text.index('/>', begin) + 2:]
    network(f'cologne8, {model}', os.path.join(source, 'cologne8.net.xml'), write(folder, 'in.rou.xml', text), 25200,
            3600, 0.05, 0.95)


def played(network_file, demand, begin_s, seconds):
    """What `intergreen sim` says of a run under the programs of the file."""
    out = checked([INTERGREEN, 'sim', '--network', network_file, '--demand', demand, '--control', 'program', '--begin',
                   str(begin_s), '--seconds', str(seconds), '--json', '--quiet']).stdout
    return json.loads(out[out.rindex('\n{') + 1 if '\n{' in out else 0:])


def actuated_town(folder, name, model):
    """All who set out in an hour, and the time that they take: till the last has arrived."""
    net, routes, begin_s, seconds = town(folder, name, model)
    mine, theirs = played(net, routes, begin_s, 3 * seconds), sumo_long(net, routes, begin_s, 3 * seconds)
    compare(f'{name}, {model}: mean trip duration, s', mine['average_trip_duration_s'], mean(theirs.durations().values()),
            0.05)
    compare(f'{name}, {model}: arrived', mine['vehicles_arrived'], len(theirs.arrived), 0.05)


def hangzhou():
    source = os.path.join(DATA, 'hangzhou')
    if not os.path.isdir(source):
        print('hangzhou is not here: SKIPPED')
        return
    value = played(f'{source}/roadnet_4_4.json', f'{source}/anon_4_4_hangzhou_real.json', 0, 3600)['average_travel_time_s']
    row('Hangzhou under its file\'s programs: average travel time, s (CityFlow)', value, 525.0, value / 525.0 - 1.0, 0.05)


def main():
    wanted = sys.argv[2:]
    print(f'{"what":<58}{"ours":>11}{"sumo":>11}{"difference":>12}{"bound":>9}')
    parts = {'stop_line': stop_line, 'calibration': calibration, 'ring': ring, 'left_turn': left_turn, 'spill_back': spill_back, 'cologne': cologne}
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            for name, part in parts.items():
                if not wanted or name in wanted or f'{name}:{model}' in wanted:
                    part(folder, model)
        if not wanted or 'hangzhou' in wanted:
            hangzhou()
        for name in TOWNS:
            for model in MODELS:
                if not wanted or name in wanted or 'towns' in wanted:
                    network(f'{name}, {model}', *town(folder, name, model), 0.05, None)
        for name in ACTUATED:
            for model in MODELS:
                if not wanted or name in wanted or 'towns' in wanted:
                    actuated_town(folder, name, model)
        for name, (_, _, carried) in ROADS.items():
            for model in MODELS:
                if not wanted or name in wanted or 'roads' in wanted:
                    network(f'{name}, {model}', *road(folder, name, model), 0.05 if carried else None, None)
    failed = sum(1 for each in ROWS if each['holds'] is False)
    print(f'{len(ROWS)} rows, {failed} outside their bounds')
    with open(sys.argv[1], 'w', encoding='utf-8') as file:
        json.dump(ROWS, file, indent=1)


main()
