"""How the venue says no."""

from __future__ import annotations

from paper.engine.orders import Status


class OrderRefused(Exception):
    """One order or cancel of a batch is refused; `status` is set where the venue keeps the order's row."""

    def __init__(self, text: str, status: Status | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class ActionRefused(Exception):
    """The whole action is refused with a bare string."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Unparsable(Exception):
    """The body does not deserialise: HTTP 422."""
