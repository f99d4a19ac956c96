#!/usr/bin/env bash
# Build every member; install each alone, beside nothing but what it asks for; import it and load its plugin.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m uv build -q --all-packages --wheel --out-dir "$work/dist"
cd "$work" # away from the workspace's pins: published requirements are ranges
for wheel in "$work"/dist/*.whl; do
  name=$(basename "$wheel" | cut -d- -f1)
  python3 -m uv venv -q "$work/env" --clear
  python3 -m uv pip install -q --python "$work/env" --link-mode copy --find-links "$work/dist" "$wheel"
  case "$name" in
    hubbub) "$work/env/bin/hubbub" --version ;;
    *) "$work/env/bin/python" - "$name" <<'PYTHON'
import importlib, sys
name = sys.argv[1]
module = importlib.import_module(name)
missing = [public for public in module.__all__ if not hasattr(module, public)]
assert not missing, f"{name} promises {missing}"
print(f"{name}: {len(module.__all__)} public names")
PYTHON
      ;;
  esac
  "$work/env/bin/hubbub" plugins list --check
done
