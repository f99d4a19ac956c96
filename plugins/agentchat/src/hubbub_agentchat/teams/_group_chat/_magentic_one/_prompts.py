"""What the orchestrator asks its model. The slots in braces are documented (NA-010); the wording is ours."""

from __future__ import annotations

from typing import Final

ORCHESTRATOR_TASK_LEDGER_FACTS_PROMPT: Final = """Below is a request that a team of agents is going to work on. Before \
anybody begins, take stock of what is known. Draw on your own knowledge as well as on the request.

The request:

{task}

Answer with a survey under exactly these four headings, each followed by a list (which may be empty):

1. GIVEN OR VERIFIED FACTS: what the request itself states.
2. FACTS TO LOOK UP: what has to be found out, and where it could be found.
3. FACTS TO DERIVE: what has to be computed, concluded or simulated.
4. EDUCATED GUESSES: what you remember, suspect or would bet on.

List facts, names, dates and numbers only. Do not plan and do not solve the request yet.
"""

ORCHESTRATOR_TASK_LEDGER_PLAN_PROMPT: Final = """To work on the request we have this team:

{team}

Knowing who is in the team and which facts are known and unknown, write a short plan for the request as a list of \
steps. Not everybody has to take part.
"""

ORCHESTRATOR_TASK_LEDGER_FULL_PROMPT: Final = """We are working to address the following user request:

{task}


To answer this request we have assembled the following team:

{team}


Here is an initial fact sheet to consider:

{facts}


Here is the plan to follow as best as possible:

{plan}
"""

ORCHESTRATOR_PROGRESS_LEDGER_PROMPT: Final = """Recall that we are working on this request:

{task}

And that we have this team:

{team}

To make progress, answer these questions, each with your reason:

- is_request_satisfied: Is the request fully satisfied? True if so; False if anything is left to do.
- is_in_loop: Are we repeating ourselves, asking or answering the same thing over and over, across one or more turns?
- is_progress_being_made: Are we getting ahead? True if we have just begun or the latest messages added something; \
False if we are stuck, in a loop, or met a serious obstacle.
- next_speaker: Who should speak next? One of: {names}
- instruction_or_question: What would you say to that team member? Speak to it directly, and include all that it needs.

Answer with one JSON object and nothing else, of exactly this shape:

{{
    "is_request_satisfied": {{"reason": string, "answer": boolean}},
    "is_in_loop": {{"reason": string, "answer": boolean}},
    "is_progress_being_made": {{"reason": string, "answer": boolean}},
    "next_speaker": {{"reason": string, "answer": string (one of: {names})}},
    "instruction_or_question": {{"reason": string, "answer": string}}
}}
"""

ORCHESTRATOR_TASK_LEDGER_FACTS_UPDATE_PROMPT: Final = """We are making less progress than we should, but we may have \
learned something. Rewrite the fact sheet below with what is new. Move a guess to the facts if it has been confirmed, \
add what was found out, and add or change at least one educated guess, saying why.

The request:

{task}

The fact sheet so far:

{facts}
"""

ORCHESTRATOR_TASK_LEDGER_PLAN_UPDATE_PROMPT: Final = """Say briefly what went wrong in this attempt: the root cause of \
the failure. Then write a new plan, as a list of steps, that avoids repeating the same mistakes and gets around the \
obstacles that were met. We still have this team, and nobody else:

{team}
"""

ORCHESTRATOR_FINAL_ANSWER_PROMPT: Final = """We have been working on this request:

{task}

The messages above are what was done to complete it.

From what was found out, write the final answer to the request, as if speaking to the user who made it.
"""
