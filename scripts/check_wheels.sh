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
extras = []
for public in module.__all__:
    try:
        getattr(module, public)
    except ImportError as error:
        # What needs an extra says so; anything else that does not import is broken.
        assert f"pip install {name.replace('_', '-')}[" in str(error), error
        extras.append(public)
print(f"{name}: {len(module.__all__)} public names" + (f", with extras: {', '.join(extras)}" if extras else ""))
PYTHON
      ;;
  esac
  # Imports what every component, adapter and check names.
  "$work/env/bin/hubbub" plugins doctor
done
