"""Words of certificates in the present language: levels, evidence, what was asked of the holder."""

from flask_babel import gettext

from fablab.certifications.models import Certification, Evidence
from fablab.certifications.rules import Level
from fablab.core.words import config
from fablab.credentials.rules import State
from fablab.people.models import Person


def language_of(person: Person) -> str:
    """The person's language where the lab offers it, else the lab's own."""
    offered = config().lab.languages
    return person.language if person.language in offered else offered[0]


def level_words(level: Level) -> str:
    """What the holder may do, in a few words."""
    made = {
        Level.SUPERVISED: lambda: gettext("Under the eyes of an instructor"),
        Level.AUTONOMOUS: lambda: gettext("On one's own"),
        Level.INSTRUCTOR: lambda: gettext("Instructor"),
    }
    return str(made[level]())


def evidence_words(evidence: Evidence) -> str:
    """On what the grant stands, in a few words."""
    made = {
        Evidence.OBSERVED: lambda: gettext("Seen at work by an instructor"),
        Evidence.TRAINING: lambda: gettext("Training attended and passed"),
        Evidence.QUIZ: lambda: gettext("Theory test passed"),
        Evidence.RECOGNISED: lambda: gettext("Learnt elsewhere, recognised by the lab"),
    }
    return str(made[evidence]())


def state_words(state: State) -> str:
    """How a certificate stands, in a word."""
    made = {
        State.VALID: lambda: gettext("Valid"),
        State.SUSPENDED: lambda: gettext("Suspended for now"),
        State.ENDED: lambda: gettext("No longer valid"),
    }
    return str(made[state]())


def criteria(certification: Certification) -> str:
    """What somebody must show to be certified: one sentence or two."""
    asked = []
    if certification.quiz_questions:
        asked.append(
            gettext(
                "Answer %(percent)d percent of the questions of the theory test right.",
                percent=certification.quiz_pass_percent,
            )
        )
    if certification.practical or not certification.quiz_questions:
        asked.append(gettext("Show an instructor of the lab that one works safely."))
    return " ".join(asked)
