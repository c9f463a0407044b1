"""Parameters of an order call: declared, checked one by one, read as values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from userstream.venue import ErrorForm, Refusal

SIGNING = frozenset({"timestamp", "recvWindow", "signature"})
"""What every signed call has beside its own parameters."""


class Declined(Exception):
    """A call that is refused in the venue's own form, with the details that its text takes."""

    def __init__(self, form: ErrorForm, *details: object) -> None:
        super().__init__(form.text)
        self.form = form
        self.text = form.text.format(*details)


class Kind(Enum):
    """What a parameter's text may be: the value is the pattern that errors name."""

    SYMBOL = "^[A-Z0-9_]{1,20}$"
    DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
    WHOLE = "^[0-9]{1,18}$"
    CLIENT_ID = "^[a-zA-Z0-9-_]{1,36}$"
    SHORT_CLIENT_ID = "^[a-zA-Z0-9-_]{1,32}$"
    TEXT = "^.{1,256}$"


_PATTERNS = {kind: re.compile(kind.value) for kind in Kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter. With ``words`` it is one of these; ``form`` is said of any other value."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    words: tuple[str, ...] = ()
    form: ErrorForm | None = None

    def takes(self, text: str) -> bool:
        """Whether the text is one of the words, or fits the kind."""
        if self.words:
            return text in self.words
        return _PATTERNS[self.kind].fullmatch(text) is not None


class Empty(Enum):
    """What a parameter without a value means."""

    REFUSED = auto()
    ABSENT = auto()
    MISSING = auto()


class Arguments:
    """The checked parameters of one call; what was not sent is ``None``."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def text(self, name: str) -> str | None:
        """The value as it was sent."""
        return self._given.get(name)

    def required(self, name: str) -> str:
        """The value of a parameter that is declared as required."""
        return self._given[name]

    def number(self, name: str) -> int | None:
        """The value of a whole number."""
        given = self._given.get(name)
        return None if given is None else int(given)

    def decimal(self, name: str) -> Decimal | None:
        """The value of a decimal, exactly."""
        given = self._given.get(name)
        return None if given is None else Decimal(given)


def read_arguments(
    params: Sequence[Param],
    given: Mapping[str, str],
    forms: Mapping[Refusal, ErrorForm],
    *,
    empty: Empty,
    surplus: ErrorForm | None = None,
) -> Arguments:
    """The declared parameters, checked in their order.

    Names that are not declared are passed over, unless there is a form for ``surplus``.

    Raises:
        Declined: one is missing, empty, not what it may be, or not declared.
    """
    read: dict[str, str] = {}
    for param in params:
        text = given.get(param.name)
        if text == "":
            if empty is Empty.REFUSED:
                raise Declined(forms[Refusal.PARAMETER_EMPTY], param.name)
            text = None
            if empty is Empty.MISSING:
                raise Declined(forms[Refusal.PARAMETER_MISSING], param.name)
        if text is None:
            if param.required:
                raise Declined(forms[Refusal.PARAMETER_MISSING], param.name)
            continue
        if not param.takes(text):
            legal = "|".join(param.words) or param.kind.value
            raise Declined(param.form or forms[Refusal.PARAMETER_ILLEGAL], param.name, legal)
        read[param.name] = text
    sent = given.keys() - SIGNING
    if surplus is not None and len(sent) > len(read):
        signing = len(given.keys() & SIGNING)
        raise Declined(surplus, len(read) + signing, len(given))
    return Arguments(read)
