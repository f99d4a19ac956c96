"""The progress ledger: what the orchestrator's model says about the state of the work after each answer."""

from __future__ import annotations

from pydantic import BaseModel

from hubbub_core.utils import extract_json_from_str


class YesOrNo(BaseModel):
    """The answer to a question about the work."""

    reason: str
    answer: bool


class Choice(BaseModel):
    """A decision about what comes next."""

    reason: str
    answer: str


class ProgressLedger(BaseModel):
    """Where the work stands and what comes next (NA-014)."""

    is_request_satisfied: YesOrNo
    is_in_loop: YesOrNo
    is_progress_being_made: YesOrNo
    next_speaker: Choice
    instruction_or_question: Choice


def parse_progress_ledger(text: str) -> ProgressLedger:
    """Read the one JSON object in a model's answer, fenced or not.

    Raises:
        ValueError: There is none or more than one, or it is no ledger.
    """
    found = extract_json_from_str(text)
    if len(found) != 1:
        raise ValueError(f"Expected exactly one JSON object, found {len(found)}.")
    return ProgressLedger.model_validate(found[0])
