import asyncio

from langgraph.func import entrypoint
from llama_index.core.schema import TextNode
from llama_index.retrievers.bm25 import BM25Retriever

from hubbub_core import AgentId, AgentTask, SingleThreadedAgentRuntime
from hubbub_registry import adapt

notes = {"gulls": "Gulls nest on cliffs.", "puffins": "Puffins dig burrows.", "terns": "Terns cross oceans."}
nodes = [TextNode(id_=name, text=text) for name, text in notes.items()]


@entrypoint()
def shout(text: str) -> str:
    return text.upper()


async def main() -> None:
    runtime = SingleThreadedAgentRuntime()
    await adapt(BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=1)).register(runtime, "reader")
    await adapt(shout).register(runtime, "shouter")
    runtime.start()
    found = await runtime.send_message(AgentTask.from_text("Where do puffins live?"), AgentId("reader", "default"))
    print((await runtime.send_message(found, AgentId("shouter", "default"))).text())
    await runtime.stop_when_idle()


asyncio.run(main())
