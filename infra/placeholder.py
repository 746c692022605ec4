"""The container's program until the worker's first image has been built and deployed.

`azd deploy` changes the image of the container app and keeps its command, so this must also start the worker
where the image holds it. The next provision names the worker itself as the command.
"""

import importlib.util
import runpy
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


if importlib.util.find_spec("media_worker"):
    runpy.run_module("media_worker", run_name="__main__", alter_sys=True)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(sys.argv[sys.argv.index("--port") + 1])
    host = sys.argv[sys.argv.index("--host") + 1]
    HTTPServer((host, port), _Healthy).serve_forever()
