"""The models, tools and shared parts of a hub: built on first use, started together, stopped in reverse."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hubbub_core._constants import TRACE_LOGGER_NAME
from hubbub_core.progress import Progress, progress_to
from hubbub_registry import ComponentLoader, bound

from .errors import HubFileError, HubRunError, PartFailedError
from .schema import ComponentEntry, HubFile

STOP_SECONDS = 10.0
"""How long one part may take to stop before the hub goes on without it."""

READY = "ready"
"""Text of the last progress of a part that has started."""

logger = logging.getLogger(f"{TRACE_LOGGER_NAME}.hub")


class Parts(Mapping[str, Any]):
    """Maps `models.default`, `tools.git`, `shared.library` to the one object that every agent of the hub uses."""

    def __init__(self, path: Path, file: HubFile) -> None:
        self._path = path
        self._entries: dict[str, ComponentEntry] = {
            f"{section}.{name}": entry
            for section in ("shared", "models", "tools")
            for name, entry in getattr(file, section).items()
        }
        self._built: dict[str, Any] = {}
        self._building: list[str] = []

    def __getitem__(self, name: str) -> Any:
        if name in self._built:
            return self._built[name]
        entry = self._entries[name]
        if name in self._building:
            circle = " -> ".join([*self._building[self._building.index(name) :], name])
            raise HubFileError(self._path, f"parts refer to each other in a circle: {circle}", name)
        self._building.append(name)
        try:
            with bound(self):
                part = ComponentLoader.load_component({"provider": entry.component, "config": entry.config}, object)
        except (HubRunError, HubFileError):
            raise  # of a part that this one refers to, which is named already
        except Exception as error:
            raise PartFailedError(name, error) from error
        finally:
            self._building.remove(name)
        self._built[name] = part
        return part

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def replace(self, name: str, part: Any) -> None:
        """Put an object in the place of a declared or new part."""
        self._entries.setdefault(name, ComponentEntry(component=type(part).__name__))
        self._built[name] = part

    async def start(self, progress: Callable[[str, Progress], None]) -> None:
        """Build every part, then start those that have a `start()`, all at once.

        Raises:
            PartFailedError: A part failed; the others' starts have ended by then.
        """
        parts = {name: self[name] for name in self}
        try:
            async with asyncio.TaskGroup() as group:
                for name, part in parts.items():
                    if inspect.iscoroutinefunction(getattr(part, "start", None)):
                        group.create_task(_start(name, part, progress), name=f"start {name}")
        except* PartFailedError as failures:
            raise failures.exceptions[0] from None

    async def stop(self) -> None:
        """Stop or close every built part, the newest first; one that hangs or fails does not keep the others."""
        built, self._built = list(self._built.items()), {}
        for name, part in reversed(built):
            await end(name, part)


async def end(name: str, part: Any) -> None:
    """Stop or close what was built, where it can be; it neither fails nor takes longer than `STOP_SECONDS`."""
    for ending in ("stop", "close"):
        call = getattr(part, ending, None)
        if not inspect.iscoroutinefunction(call):
            continue
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await call()
        except TimeoutError:
            logger.warning("%s did not stop within %s seconds", name, STOP_SECONDS)
        except Exception as error:
            # A workbench that was never started says so; either way the run's own error matters more.
            logger.debug("%s: %s failed: %s", name, ending, error)
        return


async def _start(name: str, part: Any, progress: Callable[[str, Progress], None]) -> None:
    progress(name, Progress("starting"))
    try:
        with progress_to(lambda report: progress(name, report)):
            await part.start()
        progress(name, Progress(READY))
    except Exception as error:
        raise PartFailedError(name, error) from error
