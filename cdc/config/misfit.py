"""How a setting's value is refused."""

_LONGEST = 80


class MisfitError(ValueError):
    """A value that does not fit, said without naming the setting: only `load` knows how the user wrote it.

    `settings` are the dotted names of settings that do not fit together; empty for the one that is being validated.
    """

    def __init__(self, problem: str, *, hint: str, settings: tuple[str, ...] = ()) -> None:
        super().__init__(problem)
        self.hint = hint
        self.settings = settings


def quoted(value: object) -> str:
    """The value as an error may repeat it: never one that could have a password in it, as a URI or a mapping has."""
    text = repr(value)
    if isinstance(value, dict | list | tuple) or "@" in text or "//" in text:
        return "the value"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
