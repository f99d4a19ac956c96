"""Try a plugin in a process of its own, where it may raise, exit, crash or hang without harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._distributions import PluginRecord

if TYPE_CHECKING:
    from .specs import Problem

TIMEOUT = 60.0
"""Seconds that one plugin gets. A framework's first import, with cold caches, takes up to twenty of them."""

# The parent's sys.path, so that both find the same plugins, and no working directory that shadows a framework.
_CHILD = (
    "import json, sys; order = json.loads(sys.argv[1]); sys.path[:] = order['path']; "
    "from hubbub_registry._probe import child; child(order)"
)


@dataclass(slots=True)
class Probe:
    """What trying a plugin showed."""

    record: PluginRecord
    components: list[dict[str, Any]] = field(default_factory=list)
    adapters: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Declared names that cannot be imported, and what the plugin's checks found."""
    notes: list[str] = field(default_factory=list)
    """The same, where only some uses need it."""


def probe(
    records: Iterable[PluginRecord], *, imports: bool = False, checks: bool = False, timeout: float = TIMEOUT
) -> Iterator[Probe]:
    """Try plugins, some at a time, and yield what was found, in order.

    Args:
        records: The plugins; those that are not `discovered` are yielded as they are.
        imports: Also import everything that a plugin declares.
        checks: Also run the checks that a plugin declares.
        timeout: Seconds for each plugin; after that its process and what it started are ended.
    """
    waiting = list(records)
    size = max(2, os.cpu_count() or 1)
    for start in range(0, len(waiting), size):
        with ExitStack() as stack:
            batch = [
                (record, stack.enter_context(_Trial(record, imports, checks)) if record.state == "discovered" else None)
                for record in waiting[start : start + size]
            ]
            for record, trial in batch:
                yield Probe(record) if trial is None else trial.result(timeout)


class _Trial:
    """One child process. Leaving the block ends it and whatever it started in its process group."""

    def __init__(self, record: PluginRecord, imports: bool, checks: bool) -> None:
        self._record = record
        self._parts = {"imports": imports, "checks": checks}

    def __enter__(self) -> _Trial:
        self._folder = tempfile.TemporaryDirectory(prefix="hubbub-probe-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        self._results, self._errors = folder / "results.jsonl", folder / "stderr.txt"
        order = {"path": sys.path, "record": asdict(self._record), **self._parts, "results": str(self._results)}
        # Files and not pipes: a process that the plugin leaves behind would keep a pipe open.
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CHILD, json.dumps(order)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self._started = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._folder.cleanup()

    def result(self, timeout: float) -> Probe:
        """Wait for the child, and read what it wrote before it ended."""
        try:
            self._process.wait(max(0.0, self._started + timeout - time.monotonic()))
            ended = f"ended the process with status {self._process.returncode}"
        except subprocess.TimeoutExpired:
            ended = f"took longer than {timeout:g} seconds"
        lines = self._results.read_text(encoding="utf-8").splitlines() if self._results.exists() else []
        # A child that was ended while it wrote leaves half a line.
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return self._told(events, ended)

    def _told(self, events: list[dict[str, Any]], ended: str) -> Probe:
        if not events:
            last = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            said = f" ({last[0]})" if last else ""
            remedy = (
                f"`pip install --upgrade {self._record.distribution}`, or `hubbub plugins disable {self._record.name}`"
            )
            return Probe(self._record.with_state("failed", f"importing {self._record.module} {ended}{said}", remedy))
        found = Probe(PluginRecord(**events[0]["record"]), *(events[0][key] for key in _DECLARED))
        trying: str | None = None
        for event in events[1:]:
            trying = None if "done" in event else event.get("trying", trying)
            if "problem" in event:
                (found.notes if event["optional"] else found.problems).append(event["problem"])
        if trying is not None:
            found.problems.append(f"{trying} {ended}")
        return found


_Tell = Callable[[dict[str, Any]], None]
"""Writes one line of what happens."""

_DECLARED = ("components", "adapters", "commands", "checks")


def child(order: dict[str, Any]) -> None:
    """Load one plugin and write what happens, a line at a time, so that what came before a crash is known."""
    from ._plugins import PluginLoader

    loaded = PluginLoader().load(PluginRecord(**order["record"]))
    declared: dict[str, list[Any]] = {key: [asdict(spec) for spec in getattr(loaded, key)] for key in _DECLARED}
    distribution = loaded.record.distribution
    with open(order["results"], "w", encoding="utf-8") as file:

        def tell(event: dict[str, Any]) -> None:
            file.write(json.dumps(event) + "\n")
            file.flush()

        tell({"record": asdict(loaded.record), **declared})
        if order["imports"]:
            _import_declared(declared, distribution, tell)
        if order["checks"]:  # after the imports: a check may look around for long, and then be ended
            _run_checks(declared["checks"], distribution, tell)
        tell({"done": True})


def _import_declared(declared: dict[str, list[Any]], distribution: str, tell: _Tell) -> None:
    from ._dotted import import_dotted
    from .errors import ComponentUnavailableError

    for name, what, needs in _declared_names(declared):
        tell({"trying": f"importing {name}"})
        try:
            import_dotted(name, what, needs, distribution)
        except ComponentUnavailableError as error:
            tell(_problem(str(error), bool(needs)))
        except (Exception, SystemExit) as error:
            tell(_problem(f"{what}: importing {name} raised {type(error).__name__}: {error}"))


def _run_checks(checks: list[dict[str, Any]], distribution: str, tell: _Tell) -> None:
    from ._dotted import import_dotted
    from .errors import ComponentUnavailableError

    for spec in checks:
        what = f"check {spec['name']!r}"
        tell({"trying": f"{what} ({spec['by']})"})
        try:
            for problem in _found(import_dotted(spec["by"], what, distribution=distribution)):
                tell(_problem(f"{what}: {problem.found}; {problem.remedy}", problem.optional))
        except ComponentUnavailableError as error:
            tell(_problem(str(error)))
        except (Exception, SystemExit) as error:
            tell(_problem(f"{what} ({spec['by']}) raised {type(error).__name__}: {error}"))


def _problem(text: str, optional: bool = False) -> dict[str, Any]:
    return {"problem": " ".join(text.split()), "optional": optional}


def _found(check: Any) -> Iterator[Problem]:
    from .specs import Problem

    found = check()
    if not isinstance(found, Iterable) or isinstance(found, str):
        raise TypeError(f"it returned {found!r:.80}, not a list of Problem")
    for problem in found:
        if not isinstance(problem, Problem):
            raise TypeError(f"it returned {problem!r:.80}, which is no Problem")
        yield problem


def _declared_names(declared: dict[str, list[Any]]) -> list[tuple[str, str, tuple[str, ...]]]:
    """The dotted names of a plugin, each once: what it names, and what it needs."""
    names: dict[str, tuple[str, tuple[str, ...]]] = {}
    for spec in declared["components"]:
        names.setdefault(spec["provider"], (f"component {spec['name']!r}", tuple(spec["needs"])))
    for spec in declared["adapters"]:
        names.setdefault(spec["by"], (f"adapter {spec['by']}", ()))
    for spec in declared["commands"]:
        names.setdefault(spec["by"], (f"command {spec['name']!r}", ()))
    return [(name, what, needs) for name, (what, needs) in names.items()]
