from typing import Any, Final, TypeAlias

_Otherwise: TypeAlias = bytes | tuple[object, ...] | None

EDITION: Final[int]

class Order:
    line: Final[bytes]
    account: Final[str]
    source: Final[str]
    n: Final[int]

class Template:
    def __new__(cls, *parts: bytes | tuple[object, ...]) -> Template: ...
    def __call__(self, order: Order, time_ms: int, /) -> bytes | None: ...

class Reader:
    def __new__(cls, made: type[Any], *parts: bytes | tuple[object, ...]) -> Reader: ...
    def __call__(self, frame: bytes | str, /) -> tuple[int, Any] | None: ...

def read(line: bytes, /) -> Order | None: ...
