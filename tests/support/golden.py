"""Writer of golden values, the text format that tests/support/golden.h reads."""
import platform
import sys


class Golden:
    """Collects named arrays and writes them with a head that says where they come from."""

    def __init__(self, generator, *libraries):
        versions = ["python " + platform.python_version()]
        versions += [f"{library.__name__} {library.__version__}" for library in libraries]
        self.lines = [f"# Golden values, made by {generator} ({', '.join(versions)}); do not edit."]
        self.names = set()

    def remark(self, text):
        self.lines.append("# " + text)

    def add(self, name, array):
        """Add one array: a tensor, numpy array or nested list of float64 or float32 values."""
        if name in self.names:
            sys.exit(f"golden array {name} added twice")
        self.names.add(name)
        if hasattr(array, "detach"):
            array = array.detach().cpu().numpy()
        shape, values = shape_of(array), flat(array)
        self.lines.append(" ".join([name] + [str(size) for size in shape]))
        for i in range(0, len(values), 8):
            self.lines.append(" ".join("%.9g" % value for value in values[i:i + 8]))

    def write(self, path):
        with open(path, "w") as file:
            file.write("\n".join(self.lines) + "\n")


def shape_of(array):
    if hasattr(array, "shape"):
        return list(array.shape)
    return [len(array)] + shape_of(array[0]) if isinstance(array, list) else []


def flat(array):
    if hasattr(array, "reshape"):
        return [float(value) for value in array.reshape(-1)]
    if isinstance(array, list):
        return [value for row in array for value in flat(row)]
    return [float(array)]
