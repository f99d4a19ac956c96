"""The files and the vector store of an assistant agent at the service, whichever API keeps its thread."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import openai

from ._errors import ResponseFailedError
from ._linked import linked
from ._threads import AssistantSetup, OpenAIAssistantAgentState

if TYPE_CHECKING:
    from hubbub_core import CancellationToken


def readable_paths(file_paths: str | Iterable[str]) -> list[Path]:
    """Return the paths of files that can be read.

    Raises:
        OSError: One cannot.
    """
    paths = [Path(file_paths)] if isinstance(file_paths, (str, Path)) else [Path(path) for path in file_paths]
    for path in paths:
        path.open("rb").close()
    return paths


class AssistantFiles:
    """Uploads and deletes; what it made is noted in the agent's state."""

    def __init__(self, setup: AssistantSetup) -> None:
        self._setup = setup
        self._client = setup.client

    async def upload(self, state: OpenAIAssistantAgentState, paths: list[Path], token: CancellationToken) -> list[str]:
        """Upload files and return their identifiers."""
        made: list[str] = []
        for path in paths:
            with self._setup.errors():
                file = await linked(self._client.files.create(file=path, purpose="assistants"), token)
            made.append(file.id)
            state.uploaded_file_ids.append(file.id)
        return made

    async def make_store(self, state: OpenAIAssistantAgentState, token: CancellationToken) -> None:
        """Make the agent's vector store."""
        with self._setup.errors():
            made = await linked(self._client.vector_stores.create(name=self._setup.name), token)
        state.vector_store_id = made.id

    async def add_to_store(
        self, state: OpenAIAssistantAgentState, file_ids: list[str], token: CancellationToken
    ) -> None:
        """Put files into the store and wait until it has read them.

        Raises:
            ResponseFailedError: The store could not read all files.
        """
        assert state.vector_store_id is not None
        batches = self._client.vector_stores.file_batches
        with self._setup.errors():
            batch = await linked(batches.create_and_poll(state.vector_store_id, file_ids=file_ids), token)
        if batch.status != "completed" or batch.file_counts.failed:
            raise ResponseFailedError(
                f"vector store {batch.vector_store_id} could not read {batch.file_counts.failed} of "
                f"{batch.file_counts.total} files (batch {batch.id}: {batch.status})"
            )

    async def delete_files(self, state: OpenAIAssistantAgentState, token: CancellationToken) -> None:
        """Delete the files that were uploaded; those that are gone already count as deleted."""
        while state.uploaded_file_ids:
            file_id = state.uploaded_file_ids[-1]
            try:
                with self._setup.errors():
                    await linked(self._client.files.delete(file_id), token)
            except openai.NotFoundError:
                pass
            state.uploaded_file_ids.remove(file_id)
            if file_id in state.code_file_ids:
                state.code_file_ids.remove(file_id)

    async def delete_store(self, state: OpenAIAssistantAgentState, token: CancellationToken) -> None:
        """Delete the store that was made; one that is gone already counts as deleted."""
        if state.vector_store_id is None:
            return
        try:
            with self._setup.errors():
                await linked(self._client.vector_stores.delete(state.vector_store_id), token)
        except openai.NotFoundError:
            pass
        state.vector_store_id = None
