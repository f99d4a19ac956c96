#!/usr/bin/env bash
# Run the tests in the environments beside the repository's own, whose pins scripts/pins.py writes: the oldest release
# of each range that the members ask for, and the newest of everything, without the plugins whose frameworks hold the
# rest back. `scripts/check_matrix.sh newest` runs only that one.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- oldest newest
for name; do
  pins=scripts/pins/$name.txt
  [ -f "$pins" ] || { echo "check_matrix: no environment is named '$name'; scripts/pins/ holds them" >&2; exit 2; }
  echo "--- $name: $(grep -cE '^[a-z].*==' "$pins") packages"
  python3 -m uv venv -q "$work/$name"
  python3 -m uv pip install -q --no-config --link-mode copy --python "$work/$name" -r "$pins"
  "$work/$name/bin/python" -m pytest -q tests/core tests/registry tests/plugins tests/interop tests/scenarios
done
# The SDKs of MCP and OpenAI have two majors; the types of the root environment are those of MCP 1.
[ ! -d "$work/newest" ] || "$work/newest/bin/python" -m mypy plugins/mcp plugins/openai tests/plugins/mcp tests/plugins/openai
