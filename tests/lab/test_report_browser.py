#!/usr/bin/env python3
"""The page of a report in headless Chromium: light and dark, on a phone's width and on a desk's, printed.

Nothing on it may be fetched, complain on the console, or stick out sideways. Screenshots stay in the folder
SCREENSHOTS where that is set.
"""
# ctest: timeout 600
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.environ["LOWBIT_SOURCE"], "tests", "support"))
from part_skipped import part_skipped  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Each page in a frame of a given width: browsers' own windows are not as narrow as phones.
PROBE = """<!DOCTYPE html><html><body><iframe id=frame width=%d height=900 src="%s"></iframe><pre id=found></pre><script>
const frame = document.getElementById("frame");
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement;
  const style = frame.contentWindow.getComputedStyle(page.body);
  const table = page.querySelector("table.sortable");
  const column = [...table.tHead.rows[0].cells].findIndex((head) => head.textContent === "top-1 %%");
  const values = () => [...table.tBodies[0].rows].map((row) => row.cells[column].textContent).filter((text) => text !== "");
  const button = table.tHead.rows[0].cells[column].querySelector("button");
  const sorted = (order) => { button.click(); return values().every((v, i, all) => i === 0 || order * (v - all[i - 1]) >= 0); };
  const small = [...page.querySelectorAll(".picture svg")].filter((svg) => svg.getBoundingClientRect().width < 250).length;
  document.getElementById("found").textContent = JSON.stringify({
    wide: root.scrollWidth - root.clientWidth, rising: sorted(1), falling: sorted(-1), rows: table.tBodies[0].rows.length,
    background: style.backgroundColor, color: style.color, pictures: page.querySelectorAll(".picture svg").length, small,
    fetched: frame.contentWindow.performance.getEntriesByType("resource").length});
};
</script></body></html>"""


def brightness(color):
    return sum(float(x) for x in re.findall(r"[\d.]+", color)[:3]) / 3


def chromium(*options, timeout=120):
    # names are resolved nowhere: whatever the page asked of the network would fail and be logged
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
               "--disable-component-update", "--disable-background-networking", "--user-data-dir=" + os.path.abspath("profile"),
               "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-logging=stderr", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not complaints, complaints
    return done.stdout


def make_page():
    lowbit, source = os.environ["LOWBIT"], os.environ["LOWBIT_SOURCE"]
    subprocess.run([lowbit, "train", "--data", "synth-digits:300", "--width-multiplier", "0.25", "--epochs", "2",
                    "--threads", "1", "--out", "run"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([lowbit, "results", "import", "run", "--store", "s.sqlite"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, source + "/tests/support/fill_store.py", "s.sqlite", "140", "--hostile"], check=True)
    subprocess.run([lowbit, "report", "s.sqlite", "-o", "page.html"], check=True, stdout=subprocess.DEVNULL)


def serve():
    class Quiet(http.server.SimpleHTTPRequestHandler):
        asked = []

        def log_message(self, *_):
            self.asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory="."))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port, Quiet.asked


def look(port, width, dark):
    """Facts of the page in a frame of that width."""
    name = f"probe-{width}.html"
    with open(name, "w", encoding="utf-8") as file:
        file.write(PROBE % (width, "page.html"))
    scheme = ["--blink-settings=preferredColorScheme=" + ("0" if dark else "1")]
    html = chromium(*scheme, "--window-size=1400,1000", "--virtual-time-budget=10000", "--dump-dom",
                    f"http://127.0.0.1:{port}/{name}")
    found = re.search(r"<pre id=\"found\">(\{.*\})</pre>", html)
    assert found, html[-2000:]
    return json.loads(found.group(1))


def main():
    if CHROMIUM is None:
        print("chromium is not installed")
        sys.exit(77)
    drawn = shutil.which("gnuplot") is not None
    if not drawn:
        part_skipped("pictures: gnuplot", "gnuplot-nox")
    make_page()
    port, asked = serve()
    for width in (390, 1280):
        for dark in (False, True):
            facts = look(port, width, dark)
            case = (width, dark, facts)
            assert facts["wide"] <= 0, case
            assert facts["rising"] and facts["falling"] and facts["rows"] == 141, case
            assert (brightness(facts["background"]) < 60) == dark and (brightness(facts["color"]) > 180) == dark, case
            assert facts["fetched"] == 0, case
            if drawn:
                assert facts["pictures"] > 10 and facts["small"] == 0, case
    assert set(asked) <= {"/page.html", "/probe-390.html", "/probe-1280.html", "/favicon.ico"}, asked
    out = os.environ.get("SCREENSHOTS", ".")
    page = "file://" + os.path.abspath("page.html")
    for name, size, scheme in (("light", "1280,4000", 1), ("dark", "1280,4000", 0), ("phone", "500,4000", 1)):
        path = os.path.abspath(f"{out}/report-{name}.png")
        chromium(f"--screenshot={path}", f"--window-size={size}", f"--blink-settings=preferredColorScheme={scheme}", page)
        assert os.path.getsize(path) > 20000, name
    path = os.path.abspath(f"{out}/report.pdf")
    chromium(f"--print-to-pdf={path}", "--no-pdf-header-footer", page)
    assert open(path, "rb").read(5) == b"%PDF-"


main()
