"""Findings of `doctor`: a part, how it is, what to do."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a part is."""

    WELL = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one part is, and what to do about it."""

    part: str
    grade: Grade
    sentence: str
    action: str = ""
    code: str = ""

    def shown(self) -> dict[str, str]:
        """Return the finding as JSON fields."""
        return asdict(self)


def well(part: str, sentence: str) -> Finding:
    """Say that a part is well."""
    return Finding(part=part, grade=Grade.WELL, sentence=sentence)


def fault(part: str, code: str, sentence: str, action: str = "") -> Finding:
    """Say that a part keeps Holdfast from trading."""
    return Finding(part=part, grade=Grade.FAULT, sentence=sentence, action=action, code=code)


def warning(part: str, code: str, sentence: str, action: str = "") -> Finding:
    """Say that a part wants attention."""
    return Finding(part=part, grade=Grade.WARNING, sentence=sentence, action=action, code=code)
