"""Towns that netgenerate makes, with random trips, for bench_fidelity.py: every kind of junction and of lane."""
import os
import random
import xml.etree.ElementTree as xml

from fidelity_runs import checked, vehicle_type, write

# name: netgenerate's options, vehicles an hour, seed
TOWNS = {
    'grid with signals, 1 lane': (['--grid', '--grid.number', '5', '--grid.length', '200', '--default-junction-type',
                                   'traffic_light', '-L', '1'], 1200, 1),
    'grid with signals, 2 lanes and turn lanes': (['--grid', '--grid.number', '4', '--grid.length', '250', '-L', '2',
                                                   '--turn-lanes', '1', '--turn-lanes.length', '60',
                                                   '--default-junction-type', 'traffic_light'], 1800, 2),
    'grid, right before left': (['--grid', '--grid.number', '5', '--grid.length', '150', '--default-junction-type',
                                 'right_before_left', '-L', '1'], 900, 3),
    'grid, priority': (['--grid', '--grid.number', '5', '--grid.length', '200', '--default-junction-type', 'priority',
                        '-L', '1', '--random-priority'], 1000, 4),
    'grid, all-way stop': (['--grid', '--grid.number', '4', '--grid.length', '200', '--default-junction-type',
                            'allway_stop', '-L', '1'], 700, 5),
    'spider': (['--spider', '--spider.arm-number', '7', '--spider.circle-number', '4', '--spider.space-radius', '150',
                '-L', '1', '--random-priority'], 900, 6),
    'random, mixed junctions': (['--rand', '--rand.iterations', '60', '-L', '1', '--random-priority', '--random-type'],
                                700, 7),
    'random, 2 lanes, signals': (['--rand', '--rand.iterations', '80', '-L', '2', '--tls.guess',
                                  '--tls.guess.threshold', '40'], 1400, 8),
    'grid, 3 lanes, random lanes': (['--grid', '--grid.number', '4', '--grid.length', '300', '-L', '3',
                                     '--random-lanenumber', '--default-junction-type', 'traffic_light'], 2200, 9),
    'grid, 2 lanes and short turn lanes, near capacity': (['--grid', '--grid.number', '4', '--grid.length', '260', '-L', '2',
                                                           '--turn-lanes', '1', '--turn-lanes.length', '50',
                                                           '--default-junction-type', 'traffic_light'], 5000, 10),
}
# The same with signals that follow the traffic as SUMO's do, which `intergreen sim` plays.
ACTUATED = {
    'actuated grid, 3 lanes, random lanes': (['--grid', '--grid.number', '4', '--grid.length', '300', '-L', '3',
                                              '--random-lanenumber', '--default-junction-type', 'traffic_light',
                                              '--tls.default-type', 'actuated'], 3600, 34),
    'actuated grid, 2 lanes and turn lanes': (['--grid', '--grid.number', '4', '--grid.length', '300', '-L', '2',
                                               '--turn-lanes', '1', '--turn-lanes.length', '80',
                                               '--default-junction-type', 'traffic_light', '--tls.default-type',
                                               'actuated'], 4000, 12),
}
SECONDS = 3600


def border_trips(net, hourly, seed):
    """Trips between edges drawn evenly, at even times; duarouter keeps those that are connected."""
    edges = [edge.get('id') for edge in xml.parse(net).getroot().iter('edge') if edge.get('function') is None]
    draw = random.Random(seed)
    trips = ''
    for i in range(hourly):
        begin, end = draw.sample(sorted(edges), 2)
        trips += f'<trip id="t{i}" type="t" depart="{i * SECONDS / hourly:.0f}" from="{begin}" to="{end}"/>'
    return trips


def town(folder, name, model):
    """Arguments of bench_fidelity.network for one town."""
    options, hourly, seed = (TOWNS | ACTUATED)[name]
    net = os.path.join(folder, f'town{seed}.net.xml')
    if not os.path.exists(net):
        checked(['netgenerate', *options, '--seed', str(seed), '--no-turnarounds', '-o', net])
    raw = write(folder, 'trips.xml', f'<routes>{vehicle_type("t", model)}{border_trips(net, hourly, seed)}</routes>')
    routes = os.path.join(folder, 'town.rou.xml')
    checked(['duarouter', '-n', net, '-r', raw, '-o', routes, '--ignore-errors', '--no-warnings', '--no-step-log',
             '--seed', '1'])
    return net, routes, 0, SECONDS
