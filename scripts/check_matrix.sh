#!/usr/bin/env bash
# Run a plugin's tests with the older major of the framework it wraps, each in an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check() { # plugin, requirements...
  local plugin=$1
  shift
  echo "--- $plugin with $*"
  python3 -m uv venv -q "$work/env" --clear
  # pip-style installs know nothing of the workspace's pins: the point here is other versions.
  python3 -m uv pip install -q --python "$work/env" --link-mode copy -e registry -e core -e "plugins/$plugin" \
    -e plugins/agentchat "hubbub-core[images] @ file://$PWD/core" pytest pytest-asyncio hypothesis starlette uvicorn "$@"
  "$work/env/bin/python" -m pytest -q "tests/plugins/$plugin"
}
check mcp "mcp<2"
check openai "openai<3"
