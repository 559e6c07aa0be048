"""Advisers by name."""

from __future__ import annotations

from collections.abc import Iterable

from advisors.base import Advisor
from advisors.strategies.mean_reversion import MeanReversion
from advisors.strategies.trend import Trend
from domain.errors import Misconfigured


class Registry:
    """The advisers that this process serves."""

    def __init__(self, advisors: Iterable[Advisor]) -> None:
        self._advisors = {advisor.name: advisor for advisor in advisors}

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, sorted."""
        return tuple(sorted(self._advisors))

    def named(self, name: str) -> Advisor:
        """Return an adviser; raises Misconfigured(adviser_unknown)."""
        advisor = self._advisors.get(name)
        if advisor is None:
            raise Misconfigured(
                "adviser_unknown",
                f"There is no adviser {name!r}; there are {', '.join(self.names)}.",
                action="Choose one of them.",
                details={"names": ",".join(self.names)},
            )
        return advisor

    def check(self, name: str, settings: dict[str, str]) -> None:
        """Refuse settings that the adviser cannot use, before an agent starts; raises Misconfigured(adviser_setting)."""
        check = getattr(self.named(name), "check", None)
        if check is not None:
            check(settings)


def built_in() -> Registry:
    """Return the deterministic advisers."""
    return Registry((Trend(), MeanReversion()))
