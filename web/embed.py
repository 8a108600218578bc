"""Makes a C file of the page: embed.py INPUT OUTPUT."""
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
rows = [",".join(str(byte) for byte in data[at:at + 24]) + "," for at in range(0, len(data), 24)]
text = '#include "engine/serve/page.h"\n\nconst unsigned char page_index[] = {\n' + "\n".join(rows) + "\n};\n"
text += f"const unsigned int page_index_bytes = {len(data)};\n"
pathlib.Path(sys.argv[2]).write_text(text, encoding="ascii")
