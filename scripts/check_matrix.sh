#!/usr/bin/env bash
# Run a plugin's tests with the older major of the framework it wraps, each in an environment of its own.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check() { # plugin, requirements...
  local plugin=$1
  shift
  echo "--- $plugin with $*"
  python3 -m uv venv -q "$work/env" --clear
  # From another folder, so that the workspace's pins do not bind: the point here is other versions.
  (
    cd "$work"
    python3 -m uv pip install -q --python "$work/env" --link-mode copy -e "$root/registry" -e "$root/core[images]" \
      -e "$root/plugins/$plugin" pytest pytest-asyncio hypothesis starlette uvicorn "$@"
  )
  (cd "$root" && "$work/env/bin/python" -m pytest -q "tests/plugins/$plugin")
}
check mcp "mcp<2"
check openai "openai<3"
