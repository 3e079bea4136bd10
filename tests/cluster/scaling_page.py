"""The tables of docs/scaling.md that follow from measurement, and the arithmetic that goes on from them.

Here: slopes from two sizes, the tables, and putting them into the page between their marks.
Add here: another figure that the plan for more rows takes.
Keep out: measuring (measure).
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

GOAL = 10_000_000_000
MONTHS_OF_GOAL = 60
MEMORY_OF_A_RUN_MB = 8_000
WANTED_S = 600


@dataclass(frozen=True)
class Part:
    """What processes took together, each with one core to itself; wall_s from the first to the last."""

    cpu_s: float
    wall_s: float
    peak_mb: float


@dataclass(frozen=True)
class Night:
    """A first night on so many cargoes, its months made by one run. rows_at_once: cargoes that it made together.

    month_files, catalog_rows, catalog_transactions: of the months alone. files: in the lake, with the small tables.
    """

    rows: int
    rows_at_once: int
    inputs: Part
    months: Part
    release: Part
    lake_bytes: int
    store_bytes: int
    month_files: int
    catalog_rows: int
    catalog_transactions: int


@dataclass(frozen=True)
class Measured:
    """small, large: two sizes. workers: the months of the large one, by the number of runs. tables: kept by month."""

    machine: str
    small: Night
    large: Night
    workers: Mapping[int, Part]
    tables: int


@dataclass(frozen=True)
class Line:
    """Through two points: so much for each, and so much without any."""

    each: float
    base: float

    @classmethod
    def through(cls, x: tuple[float, float], y: tuple[float, float]) -> "Line":
        each = max((y[1] - y[0]) / (x[1] - x[0]), 0.0)
        return cls(each, max(y[0] - each * x[0], 0.0))


def tables(measured: Measured) -> dict[str, str]:
    """The blocks of the page, by name."""
    return {
        "machine": measured.machine,
        "parts": _parts(measured),
        "workers": _workers(measured),
        "volumes": _volumes(measured),
        "plan": _plan(measured),
    }


def put_into(page: str, blocks: Mapping[str, str]) -> str:
    """The page with its blocks replaced. Raises `ValueError` if a block has no place or a place no block."""
    places = re.findall(r"<!-- measured: (\w+) -->", page)
    if sorted(places) != sorted(blocks):
        raise ValueError(f"the page has places for {sorted(places)}, measured are {sorted(blocks)}")
    for name, text in blocks.items():
        mark = re.escape(f"<!-- measured: {name} -->")
        replacement = f"<!-- measured: {name} -->\n{text}\n<!-- end -->"
        page, count = re.subn(rf"{mark}\n.*?<!-- end -->", lambda _, new=replacement: new, page, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"the block {name} does not end in the page")
    return page


def _line(measured: Measured, value: Callable[[Night], float], of: Callable[[Night], float] = lambda n: n.rows) -> Line:
    both = measured.small, measured.large
    first, second = both
    return Line.through((of(first), of(second)), (value(first), value(second)))


def _memory(measured: Measured) -> Line:
    return _line(measured, lambda night: night.months.peak_mb, lambda night: night.rows_at_once)


def _parts(measured: Measured) -> str:
    small, large = measured.small, measured.large

    def cpu(of: Callable[[Night], Part], name: str) -> str:
        line = _line(measured, lambda night: of(night).cpu_s)
        cells = [f"{of(night).cpu_s:.1f}" for night in (small, large)]
        return _row(f"`{name}`, processor s", *cells, f"{line.each * 1000:.3f} ms", f"{line.base:.1f}")

    def size(of: Callable[[Night], int], name: str) -> str:
        line = _line(measured, of)
        cells = [f"{of(night) / 1e6:.1f}" for night in (small, large)]
        return _row(f"{name}, MB", *cells, f"{line.each:.0f} bytes", f"{line.base / 1e6:.1f}")

    def count(of: Callable[[Night], int], name: str) -> str:
        return _row(name, *(f"{of(night):,}" for night in (small, large)), "", "")

    def most(of: Callable[[Night], Part], name: str, at_once: bool = False) -> str:
        line = _memory(measured) if at_once else _line(measured, lambda night: of(night).peak_mb)
        cells = [f"{of(night).peak_mb:,.0f}" for night in (small, large)]
        each = f"{line.each * 1000:.1f} kB{' of those made at once' * at_once}"
        return _row(f"`{name}`, most memory, MB", *cells, each, f"{line.base:,.0f}")

    return "\n".join(
        [
            *_head(f"| {small.rows:,} cargoes | {large.rows:,} cargoes | each cargo more | without any"),
            cpu(lambda night: night.inputs, "night_inputs"),
            cpu(lambda night: night.months, "night_months"),
            cpu(lambda night: night.release, "night_release"),
            most(lambda night: night.inputs, "night_inputs"),
            most(lambda night: night.months, "night_months", at_once=True),
            most(lambda night: night.release, "night_release"),
            size(lambda night: night.lake_bytes, "lake"),
            size(lambda night: night.store_bytes, "store between assets"),
            count(lambda night: night.month_files, "files that months wrote into the lake"),
            count(lambda night: night.catalog_rows, "rows that they wrote into the catalog"),
            count(lambda night: night.catalog_transactions, "transactions of the catalog for them"),
        ]
    )


def _workers(measured: Measured) -> str:
    large, one = measured.large, measured.workers[1]
    around = large.inputs.wall_s + large.release.wall_s
    return "\n".join(
        [
            *_head(
                "workers | `night_months`, wall s | times as fast as one | processor s of all | whole night, wall s"
            ),
            *(
                _row(
                    str(count),
                    f"{part.wall_s:.1f}",
                    f"{one.wall_s / part.wall_s:.2f}",
                    f"{part.cpu_s:.1f}",
                    f"{around + part.wall_s:.1f}",
                )
                for count, part in sorted(measured.workers.items())
            ),
        ]
    )


def _volumes(measured: Measured) -> str:
    line = _line(measured, lambda night: night.months.cpu_s)
    lines = _head(
        "cargoes that change in a night | work on months | workers of one core for ten minutes | of their time, start-up"
    )
    for cargoes, name in ((10**6, "1 million"), (10**7, "10 million"), (10**8, "100 million"), (10**9, "1 billion")):
        work = cargoes * line.each
        workers = max(math.ceil(work / max(WANTED_S - line.base, 1)), 1)
        share = workers * line.base / (work + workers * line.base)
        lines.append(_row(name, _time(work), f"{workers:,}", f"{share * 100:.0f} %"))
    return "\n".join(lines)


def _plan(measured: Measured) -> str:
    inputs, months, release = (
        _line(measured, of) for of in (lambda n: n.inputs.cpu_s, lambda n: n.months.cpu_s, lambda n: n.release.cpu_s)
    )
    lake, store = (_line(measured, of) for of in (lambda n: n.lake_bytes, lambda n: n.store_bytes))
    memory, reading = _memory(measured), _line(measured, lambda night: night.inputs.peak_mb)
    in_month = GOAL / MONTHS_OF_GOAL
    most = max((MEMORY_OF_A_RUN_MB - memory.base) / memory.each, 1) if memory.each else GOAL
    partitions = max(math.ceil(GOAL / most), MONTHS_OF_GOAL)
    files = measured.tables * partitions
    rows_a_file = measured.large.catalog_rows / max(measured.large.month_files, 1)
    ms = {name: f"{line.each * 1000:.3f} ms" for name, line in (("in", inputs), ("mo", months), ("re", release))}
    return "\n".join(
        [
            *_head("| arithmetic | figure"),
            _row("lake", f"10^10 x {lake.each:.0f} bytes", _bytes(GOAL * lake.each)),
            _row("store between assets", f"10^10 x {store.each:.0f} bytes", _bytes(GOAL * store.each)),
            _row(
                "each release more that is kept, one month changed",
                "a sixtieth of the lake",
                _bytes(in_month * lake.each),
            ),
            _row("full build, months", f"10^10 x {ms['mo']}", _time(GOAL * months.each)),
            _row("full build, inputs", f"10^10 x {ms['in']}", _time(GOAL * inputs.each)),
            _row("a night that changes one month: months", "a sixtieth", _time(in_month * months.each)),
            _row("the same, written", "a sixtieth of lake and store", _bytes(in_month * (lake.each + store.each))),
            _row("the same, inputs, if only new files are read", "a sixtieth", _time(in_month * inputs.each)),
            _row("memory of the inputs", f"10^10 x {reading.each * 1000:.1f} kB", _bytes(GOAL * reading.each * 1e6)),
            _row("the release, which adds up over all months", f"10^10 x {ms['re']}", _time(GOAL * release.each)),
            _row(
                "memory of a run on one month",
                f"{in_month / 1e6:.0f} million x {memory.each * 1000:.1f} kB",
                _bytes(in_month * memory.each * 1e6),
            ),
            _row(
                "most cargoes of a partition that fits into 8 GB",
                f"({MEMORY_OF_A_RUN_MB:,} - {memory.base:,.0f}) MB / {memory.each * 1000:.1f} kB",
                f"{most / 1e6:.1f} million",
            ),
            _row("partitions of that size", f"10^10 / {most / 1e6:.1f} million", f"{partitions:,}"),
            _row(
                "files in the lake",
                f"{measured.tables} tables x {partitions:,}",
                f"{files:,}, of {_bytes(GOAL * lake.each / files)}",
            ),
            _row("requests to look at each of them twice", f"2 x {files:,}", f"{2 * files:,}"),
            _row(
                "rows of the catalog",
                f"{files:,} x {rows_a_file:.0f}",
                f"{files * rows_a_file / 1e6:.2f} million; {files * rows_a_file / MONTHS_OF_GOAL:,.0f} a night",
            ),
        ]
    )


def _head(names: str) -> list[str]:
    """names: of the columns, divided as in the page."""
    names = f"| {names.removeprefix('|').strip()} |" if not names.startswith("|") else f"| {names} |"
    return [names, f"|{'---|' * (names.count('|') - 1)}"]


def _row(*cells: str) -> str:
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:,.1f} core-hours"


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:,.0f} bytes"
