"""Read a hub file: YAML or JSON in, `HubFile` with variables filled in and references made loadable out."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hubbub_registry import parse_yaml

from .errors import HubFileError
from .schema import HubFile, Variable

_PLACEHOLDER = re.compile(r"\$\{(?P<kind>[a-z]+):(?P<name>[^}]*)\}")
NEITHER = "neither a hub file, which begins with `hub: 1`, nor an agent or team file, which has a `provider`"
_SECTIONS = ("models", "tools", "shared")


def read_hub_file(path: Path, settings: Mapping[str, str] | None = None) -> HubFile:
    """Read and check a hub file.

    `${set:NAME}` and `${hub:dir}` are filled in; `${models:NAME}`, `${tools:NAME}` and `${shared:NAME}` become
    component references that load as the hub's own objects; `${env:NAME}` stays until the component is loaded.

    Args:
        path: The file, YAML or JSON.
        settings: Values of `--set`.

    Raises:
        HubFileError: The file is missing or broken, a value is wrong, a variable is unknown or not set, a reference
            leads nowhere. The text is one line and names the file and the place.
    """
    document = _parse(path)
    try:
        file = HubFile.model_validate(document)
    except ValidationError as error:
        raise _first_problem(path, error) from None
    values = _variables(path, file.set, settings or {})
    return _Filler(path, file, values).fill()


def read_document(path: Path) -> dict[str, Any]:
    """Read a YAML or JSON file that holds a mapping.

    Raises:
        HubFileError: It cannot be read, or holds something else. The text is one line and names the place.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise HubFileError(path, "no such file") from None
    except IsADirectoryError:
        raise HubFileError(path, "is a folder; name the file in it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise HubFileError(path, f"cannot be read: {error}") from None
    try:
        # JSON may be indented with tabs, which YAML refuses.
        document = json.loads(text) if path.suffix == ".json" else parse_yaml(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise HubFileError(path, f"not valid JSON at {where}: {error.msg}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise HubFileError(path, f"not valid YAML{place}: {problem}") from None
    if not isinstance(document, dict):
        raise HubFileError(path, NEITHER)
    return document


def _parse(path: Path) -> dict[str, Any]:
    document = read_document(path)
    if "hub" not in document:
        raise HubFileError(path, "not a hub file; one begins with `hub: 1`")
    return document


def _first_problem(path: Path, error: ValidationError) -> HubFileError:
    details = error.errors(include_url=False)
    first = details[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        model: Any = HubFile
        known = sorted(model.model_fields) if len(first["loc"]) == 1 else []
        close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        problem = "unknown key" + (f"; did you mean {close[0]!r}?" if close else "")
    elif first["type"] == "missing":
        problem = "is required"
    elif where == "hub":
        problem = f"format version {first['input']!r} is not known; this Hubbub reads version 1"
    else:
        problem = f"{first['msg']}, got {_short(first['input'])}"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return HubFileError(path, problem + more, where)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _variables(path: Path, declared: Mapping[str, Variable], settings: Mapping[str, str]) -> dict[str, Any]:
    for name in settings:
        if name not in declared:
            offered = ", ".join(declared) or "none"
            raise HubFileError(path, f"--set {name}: the file declares no such variable; it has {offered}")
    values: dict[str, Any] = {}
    for name, variable in declared.items():
        given = settings.get(name)
        if given is None and variable.default is None:
            raise HubFileError(path, f"variable {name!r} must be set: --set {name}=VALUE", f"set.{name}")
        base = path.parent if given is None else Path.cwd()
        value = variable.default if given is None else given
        values[name] = _convert(path, name, variable.type, value, base)
    return values


def _convert(path: Path, name: str, kind: str, value: object, base: Path) -> object:
    text = str(value)
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except ValueError:
        raise HubFileError(path, f"variable {name!r} is of type {kind}, got {text!r}", f"set.{name}") from None
    if kind == "boolean":
        if text.lower() in ("true", "yes", "on", "1"):
            return True
        if text.lower() in ("false", "no", "off", "0"):
            return False
        raise HubFileError(path, f"variable {name!r} is of type boolean, got {text!r}", f"set.{name}")
    if kind == "path":
        return str((base / Path(text).expanduser()).resolve())
    return text


class _Filler:
    """Fills the placeholders of every configuration in a hub file."""

    def __init__(self, path: Path, file: HubFile, values: Mapping[str, Any]) -> None:
        self._path = path
        self._file = file
        self._values = values

    def fill(self) -> HubFile:
        sections: dict[str, Any] = {}
        for section in (*_SECTIONS, "agents"):
            entries = getattr(self._file, section)
            sections[section] = {
                name: entry.model_copy(update={"config": self._value(entry.config, f"{section}.{name}.config")})
                for name, entry in entries.items()
            }
        entry = self._file.entry
        keys = [str(self._value(key, f"entry.keys.{index}")) for index, key in enumerate(entry.keys)]
        sections["entry"] = entry.model_copy(update={"keys": keys})
        return self._file.model_copy(update=sections)

    def _value(self, value: Any, where: str) -> Any:
        if isinstance(value, dict):
            return {key: self._value(item, f"{where}.{key}") for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, f"{where}.{index}") for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        whole = _PLACEHOLDER.fullmatch(value)
        if whole is not None:
            return self._placeholder(whole, where, whole=True)
        return _PLACEHOLDER.sub(lambda match: str(self._placeholder(match, where, whole=False)), value)

    def _placeholder(self, match: re.Match[str], where: str, *, whole: bool) -> Any:
        kind, name = match["kind"], match["name"]
        if kind == "env":
            return match[0]
        if kind == "set":
            return self._known("variable", name, self._values, where)
        if kind == "hub" and name == "dir":
            return str(self._path.parent.resolve())
        if kind in _SECTIONS:
            self._known(kind, name, getattr(self._file, kind), where)
            if not whole:
                raise HubFileError(self._path, f"{match[0]} must be the whole value", where)
            return {"provider": f"ref:{kind}.{name}", "config": {}}
        known = "${set:NAME}, ${env:NAME}, ${hub:dir}, ${models:NAME}, ${tools:NAME}, ${shared:NAME}"
        raise HubFileError(self._path, f"unknown placeholder {match[0]}; there are {known}", where)

    def _known(self, what: str, name: str, offered: Mapping[str, Any], where: str) -> Any:
        if name not in offered:
            close = difflib.get_close_matches(name, offered, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the file has {', '.join(offered) or 'none'}"
            raise HubFileError(self._path, f"no {what} {name!r} here; {hint}", where)
        return offered[name]
