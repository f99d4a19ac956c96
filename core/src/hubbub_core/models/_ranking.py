"""Rank what can be quoted by how well its words match a question: BM25, without any dependency."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from hubbub_core.models._function_words import STOP_WORDS
from hubbub_core.models._passages import Passage, Unit, split_units

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W\d_]+)?(?:_+[^\W_]+)*")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# Scripts that are written without spaces, or with long inflected words: pairs of letters stand for words.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+"
)

_K1 = 1.2
_B = 0.5
_CONTEXT_WEIGHT = 0.5
_PASSAGE_WEIGHT = 0.25
_CODE_WEIGHT = 0.7
_CUTOFF = 0.3
_SIMILAR = 0.8


@dataclass(slots=True)
class Quote:
    """A unit that was chosen, and where it is: the numbers of its passage and of the unit in it."""

    passage: int
    position: int
    unit: Unit
    score: float


def terms_of(text: str, stop_words: Collection[str] = STOP_WORDS) -> list[str]:
    """Return the terms of a text: normalised, without stop words, names of code also in their parts."""
    # Endings are cut off of both: "does" would not be found among the stop words otherwise.
    stems = {_stem(word.casefold()) for word in stop_words}
    return [term for term in _terms(text) if term not in stems]


def _terms(text: str) -> Iterator[str]:
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text)):
        word = match.group()
        rest = word
        for run in _UNSPACED.findall(word):
            yield from (run[i : i + 2] for i in range(max(1, len(run) - 1)))
            rest = rest.replace(run, " ")
        for part in rest.split():
            whole = part.casefold()
            yield _stem(whole)
            # snake_case and CamelCase: the question may name the parts only.
            parts = [hump for piece in part.split("_") for hump in _HUMP.findall(piece)]
            if len(parts) > 1 and ("_" in part or part.isascii()):
                yield from (_stem(each.casefold()) for each in parts if len(each) > 1)


def _stem(word: str) -> str:
    """Cut the commonest endings of English off. Crude, but the same on both sides."""
    word = re.sub(r"['\u2019]\w{1,2}$", "", word)
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("sses", "shes", "ches", "xes", "zes")) else word[:-1]
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and re.search(r"[aeiouy]", stem):
            word = stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz" else stem
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def choose(
    question: str,
    passages: Sequence[Passage],
    limit: int,
    stop_words: Collection[str] = STOP_WORDS,
    go_on: Callable[[], None] = lambda: None,
) -> list[Quote]:
    """Return the best matching units, best first; nothing if none matches.

    A unit counts by its own words, and less by those of its headings and of its passage. Units that say nearly the
    same as a better one are left out, and those that match much worse than the best one. Equal scores keep the order
    of the prompt. `go_on` is called before every unit and may raise.
    """
    wanted = set(terms_of(question, stop_words))
    if not wanted:
        # A question of nothing but stop words ("Who is he?") can only be matched by those.
        wanted = set(_terms(question))
    candidates: list[_Candidate] = []
    for number, passage in enumerate(passages):
        for position, unit in enumerate(split_units(passage.text)):
            go_on()
            candidates.append(_Candidate.of(number, position, unit, wanted))
    if not candidates or not wanted:
        return []
    titles = [set(_terms(passage.marker)) & wanted for passage in passages]
    ranked = _score(candidates, titles, wanted)
    if not ranked:
        return []
    chosen: list[_Candidate] = []
    said: list[frozenset[str]] = []
    for candidate in ranked:
        if len(chosen) == limit or candidate.score < ranked[0].score * _CUTOFF:
            break
        go_on()
        vocabulary = candidate.vocabulary()
        if not any(_says_the_same(vocabulary, other) for other in said):
            chosen.append(candidate)
            said.append(vocabulary)
    return [Quote(each.passage, each.position, each.unit, each.score) for each in chosen]


@dataclass(slots=True)
class _Candidate:
    passage: int
    position: int
    unit: Unit
    own: dict[str, int]
    context: set[str]
    length: int
    score: float = 0.0

    @classmethod
    def of(cls, passage: int, position: int, unit: Unit, wanted: set[str]) -> _Candidate:
        words = list(_terms(unit.text))
        counts = Counter(words)
        return cls(
            passage,
            position,
            unit,
            {term: counts[term] for term in wanted if term in counts},
            {term for line in unit.context for term in _terms(line)} & wanted,
            len(words),
        )

    def vocabulary(self) -> frozenset[str]:
        # Made when it is needed: of a long prompt, most units never are.
        return frozenset(_terms(self.unit.text))


def _score(candidates: Sequence[_Candidate], titles: Sequence[set[str]], wanted: set[str]) -> list[_Candidate]:
    total = len(candidates)
    average = sum(each.length for each in candidates) / total or 1.0
    frequency = Counter(term for each in candidates for term in {*each.own, *each.context})
    weight = {term: math.log(1 + (total - count + 0.5) / (count + 0.5)) for term, count in frequency.items()}
    by_passage: dict[int, set[str]] = {}
    for each in candidates:
        by_passage.setdefault(each.passage, set(titles[each.passage])).update(each.own, each.context)
    # One common word is no match for a long question. Three pairs of letters are about one word.
    thirds = sum(1 if _UNSPACED.search(term) else 3 for term in wanted)
    needed = 2 if thirds >= 12 else 1
    ranked: list[_Candidate] = []
    for each in candidates:
        around = by_passage[each.passage]
        if not (each.own or each.context) or len(around) < min(needed, len(wanted)):
            continue
        norm = _K1 * (1 - _B + _B * each.length / average)
        # fsum: sets have another order in every process, and the sum must not depend on it.
        score = math.fsum(weight[term] * count * (_K1 + 1) / (count + norm) for term, count in each.own.items())
        score += _CONTEXT_WEIGHT * math.fsum(weight[term] for term in each.context - each.own.keys())
        # Matching many of the words is worth more than matching one of them often.
        score *= 0.5 + 0.5 * len(each.own.keys() | each.context) / len(wanted)
        score += _PASSAGE_WEIGHT * math.fsum(weight.get(term, 0.0) for term in around) * len(around) / len(wanted)
        each.score = round(score * (_CODE_WEIGHT if each.unit.is_code else 1.0), 9)
        ranked.append(each)
    return sorted(ranked, key=lambda each: (-each.score, each.passage, each.position))


def _says_the_same(one: frozenset[str], other: frozenset[str]) -> bool:
    if not one or not other:
        return one == other
    return len(one & other) / len(one | other) >= _SIMILAR
