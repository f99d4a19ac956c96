#!/usr/bin/env bash
# Run a plugin's tests with the older major of the framework it wraps, and those of the plugins whose framework cannot
# live beside the others; each in an environment of its own.
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
      -e "$root/plugins/$plugin" pytest pytest-asyncio pytest-xdist hypothesis starlette uvicorn "$@"
  )
  (cd "$root" && "$work/env/bin/python" -m pytest -q "tests/plugins/$plugin")
}
check mcp "mcp<2"
check openai "openai<3" -e "$root/plugins/agentchat"

echo "--- semantic-kernel with its own pins"
python3 -m uv venv -q "$work/env" --clear
(
  cd "$work"
  sed "s|^|-e $root/|" > members.txt <<'MEMBERS'
registry
core[images]
plugins/agentchat
plugins/semantic-kernel
MEMBERS
  python3 -m uv pip install -q --python "$work/env" --link-mode copy -c "$root/plugins/semantic-kernel/pins.txt" \
    -r members.txt mypy pytest pytest-asyncio pytest-xdist hypothesis types-pyyaml
)
(
  cd "$root"
  "$work/env/bin/python" -m pytest -q tests/plugins/semantic_kernel
  # The root's list of folders to leave out is for the environment without Semantic Kernel.
  sed '/^exclude = /d' pyproject.toml > "$work/mypy.toml"
  "$work/env/bin/python" -m mypy --config-file "$work/mypy.toml" plugins/semantic-kernel
)
