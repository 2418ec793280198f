"""The Python program of docs/format.md, and the safetensors package where it is installed, against what the C
library says of a packed file. Arguments: the document, the file, what C says of it, and the file whose bytes the
document shows.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from part_skipped import part_skipped  # noqa: E402


def program_of(document):
    """The functions of the first Python program of a document."""
    found = re.search(r"^```python\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    assert found, "the document has no Python program"
    assert found.group(1).count("\n") < 90, "the program is longer than promised"
    names = {}
    exec(found.group(1), names)
    return names["read_packed"]


def texts(values):
    return " ".join("%.9g" % v for v in values)


def bits(text, n):
    data = bytes.fromhex(text) if text else bytes((n + 7) // 8)
    return "".join(str(data[c // 8] >> c % 8 & 1) for c in range(n))


def describe(graph, tensors):
    """The same lines that test_packed_reader.c writes."""
    lines = [graph["title"]] + graph.get("class_names", [])
    for i, layer in enumerate(graph["layers"]):
        name = layer["name"]
        inputs = layer.get("in", [i - 1] if i else [])
        lines.append(f"{layer['operation']} {name} shape {texts(layer['shape'])} in {texts(inputs)}")
        if "codes" in layer:
            lines.append("codes " + texts(graph["codes"][layer["codes"]]))
        if "values" in layer:
            lines.append("weights " + texts(layer["values"]))
        for word in "threshold", "multiplier", "offset", "exception":
            if f"{name}.{word}" in tensors:
                lines.append(f"{word} " + " ".join(str(v) for v in tensors[f"{name}.{word}"]))
        if layer.get("post") == "thresholds":
            lines.append("falls " + bits(layer.get("falls"), layer["shape"][0]))
        if "reversed" in layer:
            lines.append("reversed " + bits(layer["reversed"], layer["shape"][0]))
        if f"{name}.post" in tensors:
            lines.append("post " + texts(tensors[f"{name}.post"]))
    return lines


def compare(got, wanted, what):
    for number, (g, w) in enumerate(zip(got, wanted), 1):
        if g != w:
            sys.exit(f"{what}: line {number}: got\n{g}\nwanted\n{w}")
    if len(got) != len(wanted):
        sys.exit(f"{what}: {len(got)} lines, wanted {len(wanted)}")


def shown_bytes(document):
    """The bytes of the document's dump: lines of an offset, two spaces, bytes, and perhaps a remark."""
    data = bytearray()
    for line in re.findall(r"^    ([0-9a-f]{4}  (?:[0-9a-f]{2} )*[0-9a-f]{2})(?:$|  )", document, re.MULTILINE):
        offset, digits = line.split("  ", 1)
        assert int(offset, 16) == len(data), f"the dump jumps at {offset}"
        data += bytes.fromhex(digits)
    return bytes(data)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = file.read()
    with open(sys.argv[3], encoding="utf-8") as file:
        wanted = file.read().splitlines()
    graph, tensors = program_of(document)(sys.argv[2])
    compare(describe(graph, tensors), wanted, "the program of docs/format.md")
    with open(sys.argv[4], "rb") as file:
        data = file.read()
    if shown_bytes(document) != data:
        lines = [f"    {i:04x}  {data[i:i + 16].hex(' ')}" for i in range(0, len(data), 16)]
        sys.exit("docs/format.md shows other bytes than are written:\n" + "\n".join(lines))
    try:
        from safetensors import safe_open
    except ImportError:
        part_skipped("a packed file's other reader: the Python package safetensors")
        return
    with safe_open(sys.argv[2], framework="np") as file:
        assert file.metadata()["format"] == "lowbit-packed"
        assert sorted(file.keys()) == sorted(tensors), "the package safetensors sees other tensors"
        for name, values in tensors.items():
            assert file.get_tensor(name).reshape(-1).tolist() == list(values), name
    print("the package safetensors agrees")


if __name__ == "__main__":
    main()
