"""Makes a C file of a page: embed.py INPUT OUTPUT HEADER NAME."""
import pathlib
import sys

source, target, header, name = sys.argv[1:]
data = pathlib.Path(source).read_bytes() + b"\0"
rows = [",".join(str(byte) for byte in data[at:at + 24]) + "," for at in range(0, len(data), 24)]
text = f'#include "{header}"\n\nconst unsigned char {name}[] = {{\n' + "\n".join(rows) + "\n};\n"
text += f"const unsigned int {name}_bytes = {len(data) - 1};\n"
pathlib.Path(target).write_text(text, encoding="ascii")
