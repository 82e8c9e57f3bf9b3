"""Says that it is well, on the port that it is given. `--check` looks whether it could, and ends."""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Visitor(BaseHTTPRequestHandler):
    timeout = 5  # seconds; a silent connection must not hold up the end

    def do_GET(self) -> None:
        body = f"{os.environ.get('REGION', '')} {os.environ.get('DEPLOYER_RELEASE', '')}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        if self.path not in ("/health", "/live"):
            super().log_message(format, *args)


def main() -> None:
    if "--check" in sys.argv:
        print(f"release {os.environ.get('DEPLOYER_RELEASE', '')} is ready to begin", flush=True)
        return
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Visitor)
    # shutdown() waits for the loop, which runs in this very thread: so from another one.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
