"""What tests of teams are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from hubbub_core import SingleThreadedAgentRuntime


@pytest.fixture(params=["team", "caller"])
async def runtime(request: pytest.FixtureRequest) -> AsyncGenerator[SingleThreadedAgentRuntime | None, None]:
    """Where a team runs: None for a runtime of its own, or one that the caller has started."""
    if request.param == "team":
        yield None
        return
    given = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    given.start()
    yield given
    async with asyncio.timeout(5):
        await given.stop_when_idle()
