#!/usr/bin/env python3
"""`lowbit report --live`: serves the page to this machine alone, anew when the store changes, until Ctrl-C."""
import http.client
import os
import signal
import subprocess
import sys
import time

LOWBIT = os.environ["LOWBIT"]
FILL = [sys.executable, os.path.join(os.environ["LOWBIT_SOURCE"], "tests/support/fill_store.py"), "store.sqlite"]


def get(port, path="/", method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.headers, body


def main():
    subprocess.run([LOWBIT, "train", "--data", "synth-digits:300", "--width-multiplier", "0.25", "--epochs", "1",
                    "--threads", "1", "--out", "run"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([LOWBIT, "results", "import", "run", "--store", "store.sqlite"], check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([LOWBIT, "report", "store.sqlite", "--live", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), url
        port = int(url.rstrip("/").rsplit(":", 1)[1])
        status, headers, body = get(port)
        assert status == 200 and headers["Content-Type"].startswith("text/html"), (status, headers)
        assert "default-src 'none'" in headers["Content-Security-Policy"], headers
        assert "<meta http-equiv=refresh" in body and "<dd>1: 1 " in body, body[:2000]
        assert get(port)[2] == body, "made anew though nothing changed"
        assert get(port, method="HEAD")[2] == ""
        assert get(port, "/etc/passwd")[0] == 404
        assert get(port, method="POST")[0] == 405
        assert get(port, Host="evil.example")[0] == 403
        # another listener on that port is refused with one line
        second = subprocess.run([LOWBIT, "report", "store.sqlite", "--live", "--port", str(port)], capture_output=True,
                                text=True, timeout=60)
        assert second.returncode == 5 and "cannot listen" in second.stderr, second
        subprocess.run(FILL + ["10"], check=True)
        deadline = time.monotonic() + 60
        while "<dd>11: " not in get(port)[2]:
            assert time.monotonic() < deadline, "the page stays as it was"
            time.sleep(0.5)
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0, server.returncode
    finally:
        server.kill()


main()
