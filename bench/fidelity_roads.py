"""Roads without signals, built for bench_fidelity.py: a roundabout, a T-junction, a main road with side roads, a merge of
two lanes into one. Each with a flow that it carries and one near or beyond what SUMO carries there."""
import math
import random

from fidelity_runs import net_of, vehicle_type, write

SECONDS = 1800


def node(name, x, y):
    return f'<node id="{name}" x="{x:.1f}" y="{y:.1f}" type="priority"/>'


def edge(name, begin, end, lanes=1, speed=13.89, priority=1):
    return f'<edge id="{name}" from="{begin}" to="{end}" numLanes="{lanes}" speed="{speed}" priority="{priority}"/>'


def roundabout(folder, hourly):
    nodes, edges, flows = '', '', []
    for k in range(4):
        x, y = math.cos(k * math.pi / 2), math.sin(k * math.pi / 2)
        nodes += node(f'r{k}', 30 * x, 30 * y) + node(f'o{k}', 300 * x, 300 * y)
        edges += (edge(f'in{k}', f'o{k}', f'r{k}') + edge(f'out{k}', f'r{k}', f'o{k}')
                  + edge(f'ring{k}', f'r{k}', f'r{(k + 1) % 4}', 1, 8.33, 5))
        for j in range(1, 4):
            ring = ' '.join(f'ring{(k + m) % 4}' for m in range(j))
            flows.append((f'in{k} {ring} out{(k + j) % 4}', hourly / 12))
    return net_of(folder, nodes, edges, options=['--roundabouts.guess']), flows


def t_junction(folder, hourly):
    nodes = node('a', 0, 0) + node('m', 400, 0) + node('b', 800, 0) + node('s', 400, -400)
    edges = ''.join(edge(name, name[0], name[1], 1, 13.89, 1 if 's' in name else 9)
                    for name in ('am', 'mb', 'bm', 'ma', 'sm', 'ms'))
    share = hourly / 4
    return net_of(folder, nodes, edges), [('am mb', share), ('bm ma', share)] + [
        (route, share / 5) for route in ('sm mb', 'sm ma', 'am ms', 'bm ms')]


def main_road(folder, hourly):
    nodes = ''.join(node(f'm{k}', 200 * k, 0) for k in range(6))
    edges = ''.join(edge(f'e{k}', f'm{k}', f'm{k + 1}', 1, 13.89, 9) + edge(f'w{k}', f'm{k + 1}', f'm{k}', 1, 13.89, 9)
                    for k in range(5))
    share = hourly / 4
    flows = [('e0 e1 e2 e3 e4', share), ('w4 w3 w2 w1 w0', share)]
    for k in range(1, 5):
        nodes += node(f's{k}', 200 * k, -200) + node(f'n{k}', 200 * k, 200)
        edges += (edge(f'su{k}', f's{k}', f'm{k}') + edge(f'sd{k}', f'm{k}', f's{k}')
                  + edge(f'nd{k}', f'n{k}', f'm{k}') + edge(f'nu{k}', f'm{k}', f'n{k}'))
        east, west = [f'e{j}' for j in range(k, 5)], [f'w{j}' for j in range(k - 1, -1, -1)]
        to_east, to_west = [f'e{j}' for j in range(k)], [f'w{j}' for j in range(4, k - 1, -1)]
        flows += [(' '.join(route), share / 10) for route in (
            [f'su{k}', f'nu{k}'], [f'nd{k}', f'sd{k}'], [f'su{k}', *east], [f'nd{k}', *west], [*to_east, f'nu{k}'],
            [*to_west, f'sd{k}'])]
    return net_of(folder, nodes, edges), flows


def lane_end(folder, hourly):
    nodes = node('a', 0, 0) + node('m', 800, 0) + node('b', 1600, 0)
    edges = edge('am', 'a', 'm', 2, 13.89, 9) + edge('mb', 'm', 'b', 1, 13.89, 9)
    links = '<connection from="am" to="mb" fromLane="1" toLane="0"/>'
    return net_of(folder, nodes, edges, links), [('am mb', hourly)]


# name: how it is made, vehicles an hour, whether it is within what it carries
ROADS = {
    'roundabout, 600 veh/h': (roundabout, 600, True),
    'roundabout, 1,400 veh/h': (roundabout, 1400, True),
    'roundabout, 2,000 veh/h': (roundabout, 2000, False),
    'T-junction, 800 veh/h': (t_junction, 800, True),
    'T-junction, 1,600 veh/h': (t_junction, 1600, True),
    'T-junction, 2,400 veh/h': (t_junction, 2400, False),
    'main road, 600 veh/h': (main_road, 600, True),
    'main road, 1,600 veh/h': (main_road, 1600, True),
    'main road, 2,600 veh/h': (main_road, 2600, False),
    'lane that ends, 500 veh/h': (lane_end, 500, True),
    'lane that ends, 1,250 veh/h': (lane_end, 1250, True),
}


def road(folder, name, model):
    """Arguments of bench_fidelity.network for one of them; all trips end."""
    make, hourly, _ = ROADS[name]
    net, flows = make(folder, hourly)
    draw, trips = random.Random(1), []
    for route, rate in flows:
        at = draw.expovariate(rate / 3600.0)
        while at < SECONDS:
            trips.append((at, route))
            at += draw.expovariate(rate / 3600.0)
    text = ''.join(f'<vehicle id="v{i}" type="t" depart="{at:.2f}"><route edges="{route}"/></vehicle>'
                   for i, (at, route) in enumerate(sorted(trips)))
    return net, write(folder, 'in.rou.xml', f'<routes>{vehicle_type("t", model)}{text}</routes>'), 0, 3 * SECONDS
