"""What can go wrong before anything runs: one sentence, one remedy, one stable code."""


class SetupError(Exception):
    """A part cannot be set up; `message` says what is wrong and `action` what to do about it."""

    def __init__(self, code: str, message: str, action: str) -> None:
        super().__init__(f"{message} {action}")
        self.code = code
        self.message = message
        self.action = action
