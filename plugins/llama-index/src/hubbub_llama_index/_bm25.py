"""LlamaIndex's BM25 retriever, without its passages that share no word with the query. Needs the extra `bm25`."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy
import Stemmer  # type: ignore[import-not-found] # an extension module without stubs
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.retrievers.bm25 import BM25Retriever

LANGUAGES = {
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}
"""Languages that have both stop words in bm25s and a stemmer."""


class PassageRetriever(BM25Retriever):  # type: ignore[misc] # the base class is untyped
    """BM25 over nodes. What scores zero is no passage; equal scores keep the order of the nodes."""

    @classmethod
    def over(cls, nodes: Sequence[TextNode], language: str) -> PassageRetriever:
        """Index nodes.

        Args:
            nodes: At least one.
            language: Two letters, see `LANGUAGES`.
        """
        # Documents of stop words only have no vocabulary, and bm25s then divides by zero for their average length.
        with numpy.errstate(invalid="ignore", divide="ignore"):
            # One result at first: LlamaIndex warns when more are asked for than there are nodes.
            retriever: PassageRetriever = cls(
                nodes=list(nodes),
                language=language,
                stemmer=Stemmer.Stemmer(LANGUAGES[language]),
                similarity_top_k=1,
            )
        retriever._order = {node.node_id: number for number, node in enumerate(nodes)}
        return retriever

    def best(self, top_k: int) -> PassageRetriever:
        """Return a retriever on the same index that finds `top_k` passages, or all when there are fewer."""
        other = copy.copy(self)
        # bm25s refuses to return more documents than it has.
        other.similarity_top_k = min(top_k, len(self._order))
        return other

    _order: dict[str, int]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        nodes: list[NodeWithScore] = super()._retrieve(query_bundle)
        hits = [node for node in nodes if node.score is not None and not math.isnan(node.score) and node.score > 0]
        return sorted(hits, key=lambda node: (-(node.score or 0.0), self._order[node.node.node_id]))
