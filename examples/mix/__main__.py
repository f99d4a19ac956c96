"""The command: `python -m examples.mix`. See README.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubbub_core.models import ChatCompletionClient

QUESTION = "How long does it take to read what the documents say about plugins?"
DOCS = Path(__file__).resolve().parents[2] / "docs"
PLUGINS = "hubbub[langgraph,llama-index,mcp,openai,semantic-kernel]"

EPILOG = """\
A LangGraph graph, a Semantic Kernel agent, a LlamaIndex agent and an OpenAI agent answer a question on a
folder of documents. They share four tools, made with LlamaIndex, MCP, Semantic Kernel and Hubbub itself.

  python -m examples.mix
  python -m examples.mix "Which page explains hub files, and how long is it?"
  python -m examples.mix --docs ~/notes "What do my notes say about bees?"
  python -m examples.mix --model openai:gpt-4o-mini      (OPENAI_API_KEY, OPENAI_BASE_URL)

Without --model the agents run on plain rules (examples/mix/rules.py), which are no language model: they
call the tools that an agent's instructions name and report what these return. No key is read then.

Exit status: 0 when the editor has confirmed what the others found, 1 when not, 2 when something is wrong,
130 after Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.mix",
        description="One team of four frameworks.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("question", nargs="?", default=QUESTION, help=f"what to find out (default: {QUESTION})")
    parser.add_argument("--docs", type=Path, default=DOCS, metavar="FOLDER", help="folder of *.md files")
    parser.add_argument("--model", metavar="NAME[:ID]", help="a model in place of the rules: openai:gpt-4o-mini")
    options = parser.parse_args(arguments)
    docs = options.docs.expanduser().resolve()
    if not docs.is_dir():
        parser.error(f"--docs {options.docs}: there is no such folder")
    print(f"The model: {options.model or 'plain rules, no language model'}.", flush=True)
    try:
        model = load(options.model)
        print("importing four frameworks ...", file=sys.stderr)
        # Here and not above: one that is missing is told in one line, and Ctrl-C does not wait for the others.
        from .run import run

        return asyncio.run(run(options.question, docs, model, options.model))
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        print(f"mix: {error}; this team needs all of `pip install '{PLUGINS}'`", file=sys.stderr)
    except Exception as error:  # of any framework; one line says more to a newcomer than four tracebacks
        print(f"mix: {cause(error)}", file=sys.stderr)
    return 2


def cause(error: BaseException) -> BaseException:
    """Return what an agent or a tool raised, without what a session (a task group) and the team put around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error.__cause__ if type(error) is RuntimeError and error.__cause__ else error


def load(name: str | None) -> ChatCompletionClient:
    """Return a model of the hub, `openai:gpt-4o-mini` for one; without a name the rules."""
    from hubbub_core.hub import load_model

    from .rules import RulesModel

    model: ChatCompletionClient = load_model(name) if name else RulesModel()
    return model


if __name__ == "__main__":
    sys.exit(main())
