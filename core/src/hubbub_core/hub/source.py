"""Load an attribute of a Python file that a configuration names: `agents.py:planner`."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from hubbub_registry import HubbubError, require


class SourceError(HubbubError, ValueError):
    """A `FILE.py:ATTRIBUTE` reference does not lead to what was asked for."""

    def __init__(self, reference: str, problem: str) -> None:
        self.reference = reference
        super().__init__(f"{reference}: {problem}")


def split_reference(reference: str) -> tuple[Path, str]:
    """Split `FILE.py:ATTRIBUTE`.

    Raises:
        SourceError: The text has another form.
    """
    file, separator, attribute = reference.rpartition(":")
    if not separator or not file.endswith(".py") or not all(part.isidentifier() for part in attribute.split(".")):
        raise SourceError(reference, "write it as FILE.py:ATTRIBUTE, such as agents.py:planner")
    return Path(file).expanduser().resolve(), attribute


def load_attribute(reference: str, *, what: str) -> Any:
    """Run a Python file and return one of its attributes.

    A file runs once per process, so classes that two components take from it are the same classes. Modules beside the
    file can be imported by it.

    Args:
        reference: `FILE.py:ATTRIBUTE`; the file absolute or relative to the working directory.
        what: What is being loaded, for the error when code is not granted: `"a LangGraph graph"`.

    Raises:
        CapabilityError: The caller did not grant `code`.
        SourceError: The file or the attribute is missing, or the file cannot be run.
    """
    path, attribute = split_reference(reference)
    require("code", f"{what} from {path}")
    if not path.is_file():
        raise SourceError(reference, f"there is no file {path}")
    value: Any = _run_file(path, reference)
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            offered = ", ".join(sorted(name for name in vars(value) if not name.startswith("_"))[:12])
            raise SourceError(reference, f"no attribute {part!r} there; it has {offered or 'none'}") from None
    return value


def _run_file(path: Path, reference: str) -> Any:
    name = f"hubbub_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SourceError(reference, f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and type hints look their module up there
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception):
            raise SourceError(reference, f"{path} raised {type(error).__name__}: {error}") from error
        raise
    finally:
        sys.path.remove(str(path.parent))
    return module
