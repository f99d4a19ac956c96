"""What a user chose about plugins: the disabled ones in `plugins.json`, and `HUBBUB_PLUGINS` for one process."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from .errors import SettingsError


def config_dir() -> Path:
    """Return the folder of the user's settings: `HUBBUB_CONFIG_DIR`, else the platform's own place."""
    if chosen := os.environ.get("HUBBUB_CONFIG_DIR"):
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("APPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Roaming") / "hubbub"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "hubbub"
    base = os.environ.get("XDG_CONFIG_HOME")
    # The XDG specification tells programs to ignore a relative path.
    return (Path(base) if base and os.path.isabs(base) else Path.home() / ".config") / "hubbub"


def chosen_plugins() -> frozenset[str] | None:
    """Return the plugins that `HUBBUB_PLUGINS` names, none for `none`, or None when it is not set."""
    value = os.environ.get("HUBBUB_PLUGINS", "").strip()
    if not value:
        return None
    names = frozenset(name.strip() for name in value.split(",") if name.strip())
    return names - {"none"}


def disabled_plugins() -> frozenset[str]:
    """Return the plugins that were disabled.

    Raises:
        SettingsError: `plugins.json` is not what `write_disabled` writes.
    """
    path = config_dir() / "plugins.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read {path}: {error}; mend or delete it") from error
    disabled = document.get("disabled") if isinstance(document, dict) else None
    if not isinstance(disabled, list) or not all(isinstance(name, str) for name in disabled):
        raise SettingsError(f'{path} should be {{"disabled": [names of plugins]}}; mend or delete it')
    return frozenset(disabled)


def write_disabled(names: frozenset[str]) -> Path:
    """Write the disabled plugins, whole or not at all, and return the file.

    Raises:
        SettingsError: The file cannot be written.
    """
    path = config_dir() / "plugins.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".plugins-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"disabled": sorted(names)}, file, indent=2)
                file.write("\n")
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror}; HUBBUB_CONFIG_DIR names another folder") from error
    return path
