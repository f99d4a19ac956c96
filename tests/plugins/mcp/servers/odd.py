"""An MCP server in a few lines that does what a good one would not, by the words of its command line.

starting TEXT     writes TEXT to standard error and exits with 3
mute              never answers
noisy             writes a line that is no message, then never answers
dies              exits with 7 when its tool is called
cuts              closes its output when its tool is called
stuck [FILE]      writes its pid to FILE when called; ignores the call, the end of its input and SIGTERM
child FILE        starts a process that would outlive it, and writes both pids to FILE
slow FIFO [FILE]  answers initialize once a byte has come through FIFO; reports on standard error, its pid in FILE
pages             lists its tools over three pages
chatty            prints rubbish between its messages
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

behaviour, *rest = sys.argv[1:]


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def write_pids(path: str, *pids: int) -> None:
    # Renamed, so that nobody reads half of it.
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(" ".join(map(str, pids)))
    os.rename(path + ".part", path)


if behaviour == "starting":
    tell("reading the configuration")
    tell(rest[0])
    sys.exit(3)
if behaviour == "noisy":
    print("Welcome!", flush=True)
if behaviour == "stuck":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if behaviour == "child":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
    write_pids(rest[0], os.getpid(), child.pid)

for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if behaviour in ("mute", "noisy"):
        continue
    if behaviour == "chatty":
        print("debug: got", method, flush=True)
    if method == "initialize":
        if behaviour == "slow":
            tell("Downloading the server (1.0MiB)")
            if len(rest) > 1:
                write_pids(rest[1], os.getpid())
            with open(rest[0], encoding="utf-8") as fifo:
                fifo.read(1)
            tell("Installed 1 package")
        version = message["params"]["protocolVersion"]
        info = {"name": "odd", "version": "1"}
        result: dict[str, Any] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        send({"id": message["id"], "result": result})
    elif method == "tools/list":
        schema = {"type": "object", "$defs": {"N": {"type": "integer"}}, "properties": {"n": {"$ref": "#/$defs/N"}}}
        if behaviour == "pages":
            page = int((message.get("params") or {}).get("cursor", "0"))
            result = {"tools": [{"name": f"tool_{page}", "inputSchema": schema}]}
            if page < 2:
                result["nextCursor"] = str(page + 1)
        else:
            result = {"tools": [{"name": "act", "inputSchema": schema}]}
        send({"id": message["id"], "result": result})
    elif method == "tools/call":
        if behaviour == "dies":
            tell("out of cheese")
            sys.exit(7)
        if behaviour == "cuts":
            os.close(1)
            time.sleep(600)
        if behaviour == "stuck" and rest:
            write_pids(rest[0], os.getpid())
        if behaviour != "stuck":
            arguments = message["params"].get("arguments")
            content = [{"type": "text", "text": json.dumps(arguments)}]
            send({"id": message["id"], "result": {"content": content}})
    elif method == "prompts/list":
        send({"id": message["id"], "error": {"code": -32601, "message": "no prompts here"}})

while behaviour == "stuck":
    time.sleep(600)
