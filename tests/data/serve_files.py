"""A web server on loopback for tests: serve_files.py FOLDER PORT_FILE [CUT|slow].

Answers Range requests; with CUT, ends its process after sending so many bytes of a body, as a server
that dies would; with slow, sends about 5 MB a second."""
import http.server
import os
import sys
import time

folder, port_file = sys.argv[1:3]
mode = sys.argv[3] if len(sys.argv) > 3 else ""
left = int(mode) if mode.isdigit() else None


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global left
        path = os.path.join(folder, os.path.basename(self.path))
        if not os.path.isfile(path):
            self.send_error(404)
            return
        with open(path, "rb") as file:
            body = file.read()
        wanted = self.headers.get("Range")
        first = int(wanted.split("=")[1].split("-")[0]) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - first))
        self.end_headers()
        body = body[first:]
        if left is not None and len(body) > left:
            self.wfile.write(body[:left])
            self.wfile.flush()
            os._exit(0)
        for at in range(0, len(body), 50000):
            self.wfile.write(body[at:at + 50000])
            if mode == "slow":
                time.sleep(0.01)
        if left is not None:
            left -= len(body)

    def log_message(self, *arguments):
        with open(port_file + ".log", "a") as log:
            log.write(f"{self.path} {self.headers.get('Range')}\n")


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
