"""Why a feed cannot be used."""

from __future__ import annotations


class BadFeed(Exception):
    """A feed cannot be used; the text says why and what to do, `code` is stable."""

    def __init__(self, text: str, code: str = "feed_unusable") -> None:
        super().__init__(text)
        self.code = code
