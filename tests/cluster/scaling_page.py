"""The tables of docs/scaling.md that follow from measurement, and the arithmetic that goes on from them.

Here: slopes from several sizes, the tables, and putting them into the page between their marks.
Add here: another figure that the plan for more rows takes.
Keep out: measuring (measure).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

GOAL = 10_000_000_000
MONTHS_OF_GOAL = 60
MEMORY_OF_A_RUN_MB = 8_000
WANTED_S = 600
# After which deploy/dagster.yaml stops a run.
LONGEST_RUN_S = 21_600
_UNSEEN = "too little to be seen"


@dataclass(frozen=True)
class Part:
    """What processes took together, each with one core to itself; wall_s from the first to the last."""

    cpu_s: float
    wall_s: float
    peak_mb: float


@dataclass(frozen=True)
class Night:
    """A first night on so many cargoes, its months made by one run. rows_at_once: cargoes that it made together.

    month_files, commits, catalog_rows, catalog_transactions: of the months alone; commits are those of the lake.
    lake_bytes: with the small tables.
    """

    rows: int
    rows_at_once: int
    inputs: Part
    months: Part
    release: Part
    lake_bytes: int
    store_bytes: int
    month_files: int
    commits: int
    catalog_rows: int
    catalog_transactions: int


@dataclass(frozen=True)
class Measured:
    """What the page is made of.

    nights: of several sizes, the smallest first. workers: the months of the largest one, by the number of runs, and
    cores: of the machine on which they ran. months: of each night. tables: that are kept by month. alone: nights of one
    process into a file, by what they are.
    """

    machine: str
    nights: Sequence[Night]
    workers: Mapping[int, Part]
    cores: int
    months: int
    tables: int
    alone: Mapping[str, Part]

    @property
    def largest(self) -> Night:
        """The night that all else is taken from."""
        return self.nights[-1]

    @property
    def together(self) -> tuple[int, float]:
        """As many workers as have a core each, and how much of its time each works as it would alone."""
        count = max((count for count in self.workers if count <= self.cores), default=1)
        return count, min(self.workers[1].wall_s / (count * self.workers[count].wall_s), 1.0)


@dataclass(frozen=True)
class Line:
    """The nearest line: so much for each, and so much without any. off: the largest share by which a point misses it."""

    each: float
    base: float
    off: float

    @classmethod
    def through(cls, x: Sequence[float], y: Sequence[float]) -> "Line":
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        squares = sum((a - mean_x) ** 2 for a in x)
        together = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        each = max(together / squares, 0.0) if squares else 0.0
        base = mean_y - each * mean_x
        if base < 0:  # nothing costs less than nothing: the nearest line through zero
            each, base = sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x), 0.0
        return cls(each, base, max(abs(b - base - each * a) / b for a, b in zip(x, y, strict=True) if b))

    def reaches(self, limit: float) -> float:
        """For how many the limit holds."""
        return max(limit - self.base, 0.0) / self.each if self.each else math.inf


def tables(measured: Measured) -> dict[str, str]:
    """The blocks of the page, by name."""
    return {
        "machine": measured.machine,
        "alone": _alone(measured),
        "parts": _parts(measured),
        "workers": _workers(measured),
        "volumes": _volumes(measured),
        "plan": _plan(measured),
        "breaks": _breaks(measured),
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
    return Line.through([of(night) for night in measured.nights], [value(night) for night in measured.nights])


def _inputs(measured: Measured) -> Line:
    return _line(measured, lambda night: night.inputs.cpu_s)


def _months(measured: Measured) -> Line:
    return _line(measured, lambda night: night.months.cpu_s)


def _release(measured: Measured) -> Line:
    return _line(measured, lambda night: night.release.cpu_s)


def _memory(measured: Measured) -> Line:
    return _line(measured, lambda night: night.months.peak_mb, lambda night: night.rows_at_once)


def _alone(measured: Measured) -> str:
    return "\n".join(
        [
            *_head("night | wall s | processor s | most memory, MB"),
            *(
                _row(name, f"{night.wall_s:.0f}", f"{night.cpu_s:.0f}", f"{night.peak_mb:,.0f}")
                for name, night in measured.alone.items()
            ),
        ]
    )


def _parts(measured: Measured) -> str:
    nights = measured.nights

    def row(name: str, cells: Sequence[str], line: Line, each: str, base: str) -> str:
        off = f"{line.off * 100:.0f} %" if len(nights) > 2 else "two sizes tell nothing"
        return _row(name, *cells, each if line.each else "none seen", base, off)

    def cpu(line: Line, of: Callable[[Night], Part], name: str) -> str:
        cells = [f"{of(night).cpu_s:.1f}" for night in nights]
        return row(f"`{name}`, processor s", cells, line, f"{line.each * 1000:.3f} ms", f"{line.base:.1f}")

    def size(of: Callable[[Night], int], name: str) -> str:
        line = _line(measured, of)
        cells = [f"{of(night) / 1e6:.1f}" for night in nights]
        return row(f"{name}, MB", cells, line, f"{line.each:.0f} bytes", f"{line.base / 1e6:.1f}")

    def count(of: Callable[[Night], int], name: str) -> str:
        return _row(name, *(f"{of(night):,}" for night in nights), "", "", "")

    def most(of: Callable[[Night], Part], name: str, at_once: bool = False) -> str:
        line = _memory(measured) if at_once else _line(measured, lambda night: of(night).peak_mb)
        cells = [f"{of(night).peak_mb:,.0f}" for night in nights]
        each = f"{line.each * 1000:.1f} kB{' of those made at once' * at_once}"
        return row(f"`{name}`, most memory, MB", cells, line, each, f"{line.base:,.0f}")

    sizes = " | ".join(f"{night.rows:,} cargoes" for night in nights)
    return "\n".join(
        [
            *_head(f"| {sizes} | each cargo more | without any | farthest from this line"),
            cpu(_inputs(measured), lambda night: night.inputs, "night_inputs"),
            cpu(_months(measured), lambda night: night.months, "night_months"),
            cpu(_release(measured), lambda night: night.release, "night_release"),
            most(lambda night: night.inputs, "night_inputs"),
            most(lambda night: night.months, "night_months", at_once=True),
            most(lambda night: night.release, "night_release"),
            count(lambda night: night.rows_at_once, "cargoes that `night_months` made at once"),
            size(lambda night: night.lake_bytes, "lake"),
            size(lambda night: night.store_bytes, "tables between assets"),
            count(lambda night: night.month_files, "files that months wrote into the lake"),
            count(lambda night: night.commits, "transactions of the lake for them"),
            count(lambda night: night.catalog_rows, "rows that they wrote into the catalog"),
            count(
                lambda night: night.catalog_transactions, "transactions of the catalog for them, to write and to look"
            ),
        ]
    )


def _workers(measured: Measured) -> str:
    largest, one = measured.largest, measured.workers[1]
    around = largest.inputs.wall_s + largest.release.wall_s
    return "\n".join(
        [
            *_head(
                "workers | `night_months`, wall s | times as fast as one | of each worker's time | processor s of all "
                "| whole night, wall s"
            ),
            *(
                _row(
                    str(count),
                    f"{part.wall_s:.1f}",
                    f"{one.wall_s / part.wall_s:.2f}",
                    f"{one.wall_s / part.wall_s / count * 100:.0f} %",
                    f"{part.cpu_s:.1f}",
                    f"{around + part.wall_s:.1f}",
                )
                for count, part in sorted(measured.workers.items())
            ),
        ]
    )


def _volumes(measured: Measured) -> str:
    line = _months(measured)
    together, share = measured.together

    def workers(work: float, share: float) -> int:
        return max(math.ceil(work / max(WANTED_S * share - line.base, 1)), 1)

    lines = _head(
        "cargoes that change in a night | work on months | workers of one core for ten minutes, if none slows another "
        f"| at the {share * 100:.0f} % of {together} workers | of their time, start-up"
    )
    for cargoes, name in ((10**6, "1 million"), (10**7, "10 million"), (10**8, "100 million"), (10**9, "1 billion")):
        work = cargoes * line.each
        ideal, measured_so = workers(work, 1), workers(work, share)
        start = measured_so * line.base / (work + measured_so * line.base)
        lines.append(_row(name, _time(work), f"{ideal:,}", f"{measured_so:,}", f"{start * 100:.0f} %"))
    return "\n".join(lines)


def _partitions(measured: Measured) -> tuple[float, int]:
    """The most cargoes of a month or a part of it that fit into a run, and how many such parts the goal has."""
    most = max(_memory(measured).reaches(MEMORY_OF_A_RUN_MB), 1)
    in_month = GOAL / MONTHS_OF_GOAL
    return (most, math.ceil(GOAL / most)) if most < in_month else (in_month, MONTHS_OF_GOAL)


def _plan(measured: Measured) -> str:
    inputs, months, release = _inputs(measured), _months(measured), _release(measured)
    lake, store = (_line(measured, of) for of in (lambda n: n.lake_bytes, lambda n: n.store_bytes))
    memory, reading = _memory(measured), _line(measured, lambda night: night.inputs.peak_mb)
    largest, in_month = measured.largest, GOAL / MONTHS_OF_GOAL
    most, partitions = _partitions(measured)
    a_month = largest.month_files / measured.months
    files = math.ceil(a_month * partitions)
    rows_a_file = largest.catalog_rows / max(largest.month_files, 1)
    asking = _line(measured, lambda night: night.catalog_transactions, lambda night: night.commits)
    transactions = asking.each * partitions
    of_inputs, of_months, of_release = in_month * inputs.each, in_month * months.each, GOAL * release.each
    ms = {name: f"{line.each * 1000:.3f} ms" for name, line in (("in", inputs), ("mo", months), ("re", release))}
    the_sum = "the sum" if inputs.each and months.each and release.each else "the sum of what was seen"
    return "\n".join(
        [
            *_head("| arithmetic | figure"),
            _row("lake", f"10^10 x {lake.each:.0f} bytes", _bytes(GOAL * lake.each)),
            _row("tables between assets", f"10^10 x {store.each:.0f} bytes", _bytes(GOAL * store.each)),
            _row(
                "each release more that is kept, one month changed",
                "a sixtieth of the lake",
                _bytes(in_month * lake.each),
            ),
            _row("full build: inputs", f"10^10 x {ms['in']}", _time(GOAL * inputs.each)),
            _row("full build: months", f"10^10 x {ms['mo']}", _time(GOAL * months.each)),
            _row("full build: release", f"10^10 x {ms['re']}", _time(of_release)),
            _row("**full build, in all**", the_sum, f"**{_time(GOAL * (inputs.each + months.each) + of_release)}**"),
            _row("a night that changes one month: inputs, of its files alone", "a sixtieth", _time(of_inputs)),
            _row("the same: months", "a sixtieth", _time(of_months)),
            _row("the same: release, which adds up over all months", "all of it", _time(of_release)),
            _row(
                "**a night that changes one month, in all**",
                the_sum,
                f"**{_time(of_inputs + of_months + of_release)}**",
            ),
            _row(
                "of these in one process each, whatever the workers",
                "inputs and release",
                f"{_wall(of_inputs + of_release)}, so at least that long",
            ),
            _row("the same, written", "a sixtieth of both", _bytes(in_month * (lake.each + store.each))),
            _row("memory of the inputs of a full build", f"10^10 x {_kb(reading)}", _bytes(GOAL * reading.each * 1e6)),
            _row(
                "memory of a run on one month",
                f"{in_month / 1e6:.0f} million x {_kb(memory)}",
                _bytes(in_month * memory.each * 1e6),
            ),
            _row(
                f"most cargoes of a partition that fits into {MEMORY_OF_A_RUN_MB / 1000:.0f} GB",
                f"({MEMORY_OF_A_RUN_MB:,} - {memory.base:,.0f}) MB / {_kb(memory)}",
                f"{most / 1e6:.1f} million",
            ),
            _row("partitions of that size", f"10^10 / {most / 1e6:.1f} million", f"{partitions:,}"),
            _row(
                "files of months in the lake",
                f"{largest.month_files / measured.months:.2f} a month as measured x {partitions:,}",
                f"{files:,}, of {_bytes(GOAL * lake.each / files)}",
            ),
            _row(
                "the same at most",
                f"{measured.tables} tables x {partitions:,}",
                f"{measured.tables * partitions:,}",
            ),
            _row("requests to look at each of them twice", f"2 x {files:,}", f"{2 * files:,}"),
            _row(
                "rows of the catalog",
                f"{files:,} x {rows_a_file:.0f}",
                f"{files * rows_a_file / 1e6:.2f} million; {files * rows_a_file / MONTHS_OF_GOAL:,.0f} a night",
            ),
            _row(
                "transactions of the catalog, to write and to look",
                f"{asking.each:.1f} for each of the lake as measured x {partitions:,}",
                f"{transactions:,.0f}; {transactions / MONTHS_OF_GOAL:,.0f} a night" if transactions else _UNSEEN,
            ),
        ]
    )


def _breaks(measured: Measured) -> str:
    """What no longer holds, the first to break first."""
    memory = f"{MEMORY_OF_A_RUN_MB / 1000:.0f} GB"
    longest = f"{LONGEST_RUN_S / 3600:.0f} hours"
    reading, adding = (
        _line(measured, of) for of in (lambda night: night.inputs.peak_mb, lambda night: night.release.peak_mb)
    )
    limits = [
        (f"the inputs, in {memory}", "cargoes of a first night", reading.reaches(MEMORY_OF_A_RUN_MB)),
        (f"the inputs, in {longest}", "cargoes of a first night", _inputs(measured).reaches(LONGEST_RUN_S)),
        (
            f"a month, in {memory}",
            f"cargoes of {MONTHS_OF_GOAL} even months",
            MONTHS_OF_GOAL * _memory(measured).reaches(MEMORY_OF_A_RUN_MB),
        ),
        (f"the release, in {memory}", "cargoes in all", adding.reaches(MEMORY_OF_A_RUN_MB)),
        (f"the release, in {longest}", "cargoes in all", _release(measured).reaches(LONGEST_RUN_S)),
    ]
    lines = _head("what no longer fits | from about | counted in")
    for what, of, cargoes in sorted(limits, key=lambda limit: limit[2]):
        lines.append(_row(what, _cargoes(cargoes), of))
    return "\n".join(lines)


def _kb(line: Line) -> str:
    return f"{line.each * 1000:.1f} kB"


def _head(names: str) -> list[str]:
    """names: of the columns, divided as in the page."""
    names = f"| {names.removeprefix('|').strip()} |" if not names.startswith("|") else f"| {names} |"
    return [names, f"|{'---|' * (names.count('|') - 1)}"]


def _row(*cells: str) -> str:
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"


def _time(seconds: float) -> str:
    if not seconds:
        return _UNSEEN
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:,.1f} core-hours"


def _wall(seconds: float) -> str:
    if seconds < 7200:
        return _time(seconds)
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"


def _cargoes(count: float) -> str:
    for unit, size in (("billion", 1e9), ("million", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}" if count < math.inf else "never, as far as this tells"
    return f"{count:,.0f}"


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:,.0f} bytes"
