"""One run of the team: what it needs is opened, and closed however the run ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from hubbub_core.models import ChatCompletionClient

from .responses_server import responses_server
from .team import make_team, toolbox
from .view import View


async def run(question: str, docs: Path, model: ChatCompletionClient, name: str | None) -> int:
    """Have the team answer, and show who says what with which tool."""
    async with AsyncExitStack() as closing:
        closing.push_async_callback(model.close)
        client, model_id = await closing.enter_async_context(service(model, name))
        tools = await closing.enter_async_context(toolbox(docs))
        view = View({tool.name: maker for maker, tool in tools.items()})
        team = make_team(model, client, model_id, list(tools.values()))
        items = await closing.enter_async_context(aclosing(team.run_stream(task=question)))
        async for item in items:
            view.show(item)
    return view.end()


@asynccontextmanager
async def service(model: ChatCompletionClient, name: str | None) -> AsyncIterator[tuple[AsyncOpenAI, str]]:
    """Give what OpenAI's agent reaches its model with, and what the model is called there."""
    provider, _, model_id = (name or "rules:rules").partition(":")
    if provider == "openai":
        async with AsyncOpenAI() as client:  # reads OPENAI_API_KEY and OPENAI_BASE_URL, as the model does
            yield client, model_id
        return
    # The server is on this machine: no key, and no proxy of the environment on the way.
    async with (
        responses_server(model) as url,
        AsyncOpenAI(api_key="none", base_url=url, http_client=DefaultAsyncHttpxClient(trust_env=False)) as client,
    ):
        yield client, model_id or provider
