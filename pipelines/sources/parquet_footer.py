"""What the footer of a Parquet file claims, before a library is trusted with it.

Here: the few facts that tell whether a file can be what it says, out of Thrift's compact protocol.
Add here: another fact of the footer.
Keep out: what is believed (`rows_of_parquet`).

Arrow looks at these facts in a way that ends the whole process if some statistics beside them are damaged.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY = 6, 7
PLAIN_DICTIONARY, DELTA_BYTE_ARRAY, RLE_DICTIONARY = 2, 7, 8

_MARK = b"PAR1"
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_DEEPEST = 30


@dataclass(frozen=True)
class Chunk:
    """One column of one group of rows. encodings: by their numbers in the format."""

    path: str
    physical_type: int
    encodings: frozenset[int]
    values: int


@dataclass(frozen=True)
class Group:
    """A group of rows and the bytes that it unpacks to."""

    unpacked_bytes: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True)
class Footer:
    """rows: of the whole file. fixed_lengths: bytes of a value, for each column whose values have one length."""

    rows: int
    groups: tuple[Group, ...]
    fixed_lengths: tuple[int, ...]


def read_footer(file: BinaryIO) -> Footer:
    """The claims of a file. Raises `ValueError` if it has no whole footer."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != _MARK or length > size - 12:
        raise ValueError("it does not end as Parquet does")
    file.seek(size - 8 - length)
    try:
        return _Reader(file.read(length)).footer()
    except (IndexError, TypeError, struct.error) as error:
        raise ValueError("its footer is damaged") from error


class _Reader:
    """Bytes of the compact protocol and the place up to which they are read. What nobody asks for is passed over."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = self._depth = 0

    def footer(self) -> Footer:
        known = self._struct({2: self._listed(self._schema_element), 3: self._number, 4: self._listed(self._group)})
        lengths = (length for length in known.get(2, ()) if length is not None)
        return Footer(known.get(3, 0), tuple(known.get(4, ())), tuple(lengths))

    def _schema_element(self) -> int | None:
        known = self._struct({1: self._number, 2: self._number})
        return known.get(2, 0) if known.get(1) == FIXED_LEN_BYTE_ARRAY else None

    def _group(self) -> Group:
        known = self._struct({1: self._listed(self._chunk), 2: self._number})
        return Group(known.get(2, 0), tuple(known.get(1, ())))

    def _chunk(self) -> Chunk:
        return self._struct({3: self._chunk_facts}).get(3) or Chunk("", -1, frozenset(), 0)

    def _chunk_facts(self) -> Chunk:
        number = self._number
        known = self._struct({1: number, 2: self._listed(number), 3: self._listed(self._text), 5: number})
        return Chunk(".".join(known.get(3, ())), known.get(1, -1), frozenset(known.get(2, ())), known.get(5, 0))

    def _struct(self, wanted: Mapping[int, Callable[[], object]]) -> dict[int, Any]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError("its footer is nested without end")
        found: dict[int, Any] = {}
        field = 0
        while (head := self._byte()) != 0:
            field = field + (head >> 4) if head >> 4 else self._number()
            kind = head & 0x0F
            # A field of another type than expected is no such field.
            if field in wanted and kind in (_I32, _I64, _LIST, _STRUCT):
                found[field] = wanted[field]()
            else:
                self._pass(kind)
        self._depth -= 1
        return found

    def _listed(self, one: Callable[[], object]) -> Callable[[], list[object]]:
        return lambda: [one() for _ in range(self._list_head()[0])]

    def _list_head(self) -> tuple[int, int]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._varint()
        if count > len(self._data) - self._at:  # each takes a byte at least
            raise ValueError("its footer is damaged")
        return count, head & 0x0F

    def _pass(self, kind: int) -> None:
        """Passes over a value that stands in a field."""
        if kind in (_BYTE, _I16, _I32, _I64):
            self._byte() if kind == _BYTE else self._varint()
        elif kind == _DOUBLE:
            self._take(8)
        elif kind == _BINARY:
            self._take(self._varint())
        elif kind in (_LIST, _SET):
            count, of = self._list_head()
            self._pass_all([of], count)
        elif kind == _MAP:
            if count := self._varint():
                kinds = self._byte()
                self._pass_all([kinds >> 4, kinds & 0x0F], count)
        elif kind == _STRUCT:
            self._struct({})
        elif kind not in (_TRUE, _FALSE):
            raise ValueError("its footer is damaged")

    def _pass_all(self, kinds: list[int], count: int) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError("its footer is nested without end")
        for _ in range(count):
            for kind in kinds:
                # Outside of a field yes and no take a byte.
                self._byte() if kind in (_TRUE, _FALSE) else self._pass(kind)
        self._depth -= 1

    def _text(self) -> str:
        return self._take(self._varint()).decode("utf-8")

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("its footer is damaged")

    def _byte(self) -> int:
        byte = self._data[self._at]
        self._at += 1
        return byte

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise ValueError("its footer is damaged")
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken
