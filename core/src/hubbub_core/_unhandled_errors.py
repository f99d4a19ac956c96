"""What becomes of errors that no sender waits for."""

from __future__ import annotations

import logging
from typing import Final

from ._agent_id import AgentId
from ._constants import ROOT_LOGGER_NAME

logger: Final = logging.getLogger(ROOT_LOGGER_NAME)


class UnhandledErrors:
    """Logs errors of event handlers, and keeps the first for whoever waits unless they are to be ignored."""

    def __init__(self, ignore: bool) -> None:
        self.ignore = ignore
        self.first: BaseException | None = None

    def report(self, agent_id: AgentId | None, error: BaseException) -> bool:
        """Log an error. Return whether it is the one that stops the runtime."""
        where = f"agent {agent_id}" if agent_id is not None else "an intervention handler"
        logger.error("Error processing a published message in %s: %r", where, error, exc_info=error)
        if self.ignore or self.first is not None:
            return False
        self.first = error
        return True

    def raise_first(self) -> None:
        """Raise the error that was kept, if there is one.

        Raises:
            BaseException: That error.
        """
        if self.first is not None:
            raise self.first

    def take(self) -> BaseException | None:
        """Return the error that was kept, and forget it."""
        first, self.first = self.first, None
        return first
