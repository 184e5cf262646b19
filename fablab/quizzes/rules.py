"""A quiz: which questions are drawn, how the answers are judged, and who may try again when. Pure."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fablab.core.denials import Denial

FEWEST_CHOICES, MOST_CHOICES = 2, 8


@dataclass(frozen=True, slots=True)
class QuizRules:
    """`questions` are drawn; `pass_percent` of the answers must be right; at most `attempts` (None: any number), with
    `wait` between the end of one and the start of the next."""

    questions: int
    pass_percent: int
    attempts: int | None = None
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A question and its choices, by id, in the order in which they are shown."""

    question_id: int
    choice_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Try:
    """An attempt that was handed in."""

    finished_at: datetime
    passed: bool


def draw(bank: Mapping[int, Sequence[int]], count: int, chance: random.Random) -> list[Drawn]:
    """`count` different questions of the bank (question → its choices), in any order, their choices too. Raises
    ValueError where the bank has fewer."""
    chosen = chance.sample(sorted(bank), count)
    return [Drawn(one, tuple(chance.sample(list(bank[one]), len(bank[one])))) for one in chosen]


def is_right(correct: Collection[int], answer: Collection[int] | None) -> bool:
    """Whether exactly the correct choices were ticked."""
    return answer is not None and set(answer) == set(correct)


def percent(right: Sequence[bool]) -> int:
    """How many of the answers are right, in whole percent, never rounded up."""
    return 100 * sum(right) // len(right) if right else 0


def attempt_denials(tries: Sequence[Try], rules: QuizRules, now: datetime) -> list[Denial]:
    """Why the quiz may not be taken now; `tries` are those that count, in any order. Who has passed may take it again
    whenever he likes: it can only make him surer."""
    if any(one.passed for one in tries):
        return []
    if rules.attempts is not None and len(tries) >= rules.attempts:
        return [Denial("quiz_attempts_used", {"allowed": rules.attempts, "used": len(tries)})]
    again = max((one.finished_at for one in tries), default=now - rules.wait) + rules.wait
    return [Denial("quiz_wait", {"until": again.isoformat()})] if again > now else []


def question_faults(text: bool, choices: Sequence[tuple[bool, bool]]) -> dict[str, str]:
    """What is wrong with a question; empty when nothing is. `text`: it has one; `choices`: (has a text, is correct)."""
    wrong: dict[str, str] = {}
    if not text:
        wrong["text"] = "must not be empty"
    if not FEWEST_CHOICES <= len(choices) <= MOST_CHOICES:
        wrong["choices"] = f"must be {FEWEST_CHOICES} to {MOST_CHOICES}"
    elif not all(filled for filled, _ in choices):
        wrong["choices"] = "must not be empty"
    elif not any(correct for _, correct in choices) or all(correct for _, correct in choices):
        wrong["choices"] = "must have a correct one and a wrong one"
    return wrong
