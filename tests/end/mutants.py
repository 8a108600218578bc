"""Files of the field, broken: at a byte, at an attribute, at an element, at a value. The same seed breaks them the same way.

Attributes and elements are found by their text, not by a parser, so that what comes out may be no XML, JSON or YAML any more.
"""
import json
import re

NUMBERS = ["0", "-1", "1", "-0.0", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "99999999999999999999", "2147483648",
           "-2147483649", "4294967296", "0x10", "1.5", "1e9", "-1e9", "7:00:00", ""]
WORDS = ["", "no-such-thing", " ", "a b c", "true", "%s%n", "\u00e4\u20ac", "x" * 3000, "&#0;", "<", "../../etc", "0,0 0,0", "nan,nan"]
ATTRIBUTE = re.compile(r' ([\w:]+)="([^"]*)"')
ELEMENT = re.compile(r"<(\w[\w-]*)\b[^<>]*?(?:/>|>(?:[^<]*</\1>)?)")


def _cut(text, draw, at=None):
    at = draw.randrange(len(text)) if at is None else at
    return text[:at]


def broken_bytes(data, draw):
    """1 to 8 changes of single bytes or stretches."""
    data = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 4, 8])):
        if not data:
            break
        at, length = draw.randrange(len(data)), draw.choice([1, 2, 8, 64, 500])
        kind = draw.randrange(6)
        if kind == 0:
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[at] = draw.randrange(256)
        elif kind == 2:
            del data[at:at + length]
        elif kind == 3:
            data[at:at] = data[at:at + length]
        elif kind == 4:
            data[at:at] = bytes(draw.randrange(256) for _ in range(min(length, 16)))
        elif draw.random() < 0.3:
            del data[at:]
    return bytes(data)


def broken_xml(text, draw):
    """Changes of attributes and elements: dropped, doubled, moved, of other values, of another one's value."""
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        kind = draw.randrange(10)
        attributes = list(ATTRIBUTE.finditer(text)) if kind < 6 else []
        if attributes:
            # An element's kind first, so that the few are broken as often as the many.
            name = draw.choice(sorted({one[1] for one in attributes}))
            found = draw.choice([one for one in attributes if one[1] == name])
            if kind == 0:
                new = ""
            elif kind == 1:
                new = found[0] + found[0]
            elif kind == 2:
                other = draw.choice([one for one in attributes if one[1] == name])
                new = f' {found[1]}="{other[2]}"'
            elif kind == 3:
                new = f' {found[1]}="{draw.choice(attributes)[2]}"'
            else:
                new = f' {found[1]}="{draw.choice(NUMBERS + WORDS)}"'
            text = text[:found.start()] + new + text[found.end():]
            continue
        elements = list(ELEMENT.finditer(text))
        if not elements:
            return text
        name = draw.choice(sorted({one[1] for one in elements}))
        found = draw.choice([one for one in elements if one[1] == name])
        if kind == 6:
            text = text[:found.start()] + text[found.end():]
        elif kind == 7:
            text = text[:found.end()] + found[0] + text[found.end():]
        elif kind == 8:
            to = draw.choice(elements).start()
            text = text[:to] + found[0] + text[to:]
        elif kind == 9:
            text = draw.choice([_cut(text, draw, found.end()), _cut(text, draw),
                                text[:found.start()] + found[0].replace(name, draw.choice(elements)[1], 1)
                                + text[found.end():]])
    return text


def _places(value, path=()):
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _places(value[key], path + (key,))


def broken_json(text, draw):
    """Changes of values and members, by their place in the document."""
    document = json.loads(text)
    for _ in range(draw.choice([1, 1, 2, 3])):
        path = draw.choice(list(_places(document))[1:] or [()])
        if not path:
            break
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        kind = draw.randrange(6)
        if kind == 0:
            del holder[path[-1]]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(path[-1], holder[path[-1]])
        elif kind == 2 and isinstance(holder, list):
            holder[path[-1]] = holder[draw.randrange(len(holder))]
        else:
            holder[path[-1]] = draw.choice([None, True, [], {}, "", "no-such-thing", -1, 0, 1, 1e308, -1e308, 2 ** 31, -2 ** 31 - 1,
                                            2 ** 63, float("nan"), float("inf"), "x" * 3000, [[]], [-1, 2 ** 40]])
    text = json.dumps(document)
    return _cut(text, draw) if draw.random() < 0.05 else text


def broken_yaml(text, draw):
    """Changes of lines and of what stands behind a colon."""
    lines = text.split("\n")
    for _ in range(draw.choice([1, 1, 2, 3])):
        at = draw.randrange(len(lines))
        kind = draw.randrange(7)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[at])
        elif kind == 2:
            lines.insert(draw.randrange(len(lines)), lines[at])
        elif kind == 3:
            lines[at] = " " * draw.randrange(5) + lines[at].lstrip()
        else:
            head, colon, _ = lines[at].partition(":")
            lines[at] = f"{head}{colon} {draw.choice(NUMBERS + WORDS + ['[', '{', '[ 1, 2, 3 ]', '&a', '*a', '- x', '~'])}"
        if not lines:
            return ""
    return "\n".join(lines)
