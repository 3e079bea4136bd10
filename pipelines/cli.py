"""The command line: `plimsoll`.

Here: one function per command, its options, its exit codes, and errors as one plain sentence.
Add here: a command; keep what it does in a module of its own.
Keep out: logic. Heavy imports stand inside the commands that need them: `--help` and `assess` start fast.
"""

import datetime as dt
import errno
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pipelines.shown import shown

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from pipelines.warehouse.duck import Source

FAILED, BAD_USAGE = 1, 2
_INCOMPLETE = 3  # between the two processes of a night only: published, but not all that follows it

app = typer.Typer(
    name="plimsoll",
    help="Which cap applied to a cargo of Russian oil, was it sold above it, and which rule let it through?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Rules and figures as known on this day (YYYY-MM-DD)."),
]
EstimateUnpriced = Annotated[
    bool,
    typer.Option("--estimate-unpriced", help="Give crude without a price a benchmark estimate, marked as one."),
]
Regimes = Annotated[
    list[str] | None, typer.Option("--regime", metavar="R", help="Judge this regime only; may be repeated.")
]


def main() -> None:
    """Entry point of the command."""
    from pipelines.errors import UserError

    try:
        app()
    except UserError as error:
        print(f"plimsoll: {shown(str(error))}", file=sys.stderr)
        sys.exit(FAILED)


@app.command(epilog="Example: plimsoll nightly --offline")
def nightly(
    as_of: AsOf = None,
    offline: Annotated[bool, typer.Option("--offline", help="Use what is on this machine; fetch nothing.")] = False,
    estimate_unpriced: EstimateUnpriced = False,
    force: Annotated[
        bool, typer.Option("--force", help="Publish even if the release differs implausibly from the one before it.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Make everything again, also what has not changed since the night before.")
    ] = False,
) -> None:
    """Build and publish the warehouse: the whole graph in one process.

    Ends with the headline tables and the data-quality summary. Exit code 1: a blocking check or a step
    failed and nothing was published, or the report on what was published failed.
    """
    if offline:
        os.environ["PLIMSOLL_OFFLINE"] = "1"
    day = _day(as_of, "--as-of")
    if day is not None:
        os.environ["PLIMSOLL_AS_OF"] = day.isoformat()
    if estimate_unpriced:
        os.environ["PLIMSOLL_ESTIMATE_UNPRICED"] = "1"
    settings = _settings(_told_to_all)
    from pipelines.supervision import supervised

    ready: list[str | None] = []

    def make_ready(has_ended: Callable[[], bool]) -> None:
        # Beside the night, which would wait for it: what it needs of this machine, and what shows its headlines.
        from pipelines.report.headlines import headlines_when_published
        from pipelines.warehouse import releases
        from pipelines.warehouse.bill_of_materials import bill_of_materials

        # Both are made again where they failed; the night, which ends with this process, goes on meanwhile.
        with suppress(Exception):
            bill_of_materials(settings.packages_file)
        with suppress(Exception):
            ready.append(headlines_when_published(releases.current(settings), has_ended))

    codes = (0, FAILED, BAD_USAGE, _INCOMPLETE)
    code = supervised(lambda: _run_night(settings, force, full), "The night", _told_to_all, codes, make_ready)
    if code not in (0, _INCOMPLETE):
        raise typer.Exit(code)
    from pipelines.report.headlines import headlines

    warehouse = _warehouse(settings)
    print(next(filter(None, ready), None) or headlines(warehouse), end="")
    print(f"\nPublished: {_shown(warehouse)}. Try: plimsoll sql, plimsoll rules, plimsoll ui")
    if code == _INCOMPLETE:
        _fail("The warehouse is published, but not all that follows it; the lines further up say why.", FAILED)
    print(f"Report: {_shown(settings.report_folder / 'report.html')}")


def _run_night(settings: "Settings", is_forced: bool, is_full: bool) -> int:
    """Runs the job in this process; returns the exit code, with the reason told whatever may go wrong."""
    # Dagster leaves a large heap of live objects; walking it again and again takes a tenth of a short night.
    gc.set_threshold(200_000)
    try:
        return _locked_night(settings, is_forced, is_full)
    except KeyboardInterrupt:
        return _told("The night was stopped, nothing was published.")
    except OSError as error:
        return _told_to_all(f"{settings.home}: the working folders cannot be used ({error.strerror or error}).")
    except BaseException as error:  # a full disk reaches us as an error of SQLite, want of memory as a panic
        if os.environ.get("PLIMSOLL_TRACEBACK"):
            raise
        return _told_to_all(
            f"The night broke off and nothing was published: {_innermost(error)}. "
            "Look for a full disk or too little memory; PLIMSOLL_TRACEBACK=1 shows where it broke."
        )


def _locked_night(settings: "Settings", is_forced: bool, is_full: bool) -> int:
    from pipelines.contracts.files import DataFileError
    from pipelines.errors import UserError
    from pipelines.rules import RuleError
    from pipelines.warehouse.publish import NightRunning, night_lock

    try:
        if settings.workers > 1:
            return _spread_night(settings, is_forced, is_full)
        with night_lock(settings):
            _prepare_dagster_home(settings.dagster_home)
            print("Plimsoll: building the warehouse", file=sys.stderr)
            code = _materialise_all(is_forced, is_full)
    except (RuleError, DataFileError) as error:
        return _told_to_all(f"The shipped tables cannot be used, nothing was published: {error}")
    except (NightRunning, UserError) as error:
        return _told_to_all(str(error))
    return _nothing_published() if code == FAILED else code


def _materialise_all(is_forced: bool, is_full: bool) -> int:
    import dagster as dg

    from pipelines.dagster_history import kept_open
    from pipelines.definitions import NIGHTLY, defs, run_config

    with dg.DagsterInstance.get() as instance, kept_open(instance):
        job = defs.resolve_job_def(NIGHTLY)
        gc.freeze()  # what is loaded stays
        result = job.execute_in_process(run_config(is_forced, is_full), instance=instance, raise_on_error=False)
    if result.success:
        return 0
    return _INCOMPLETE if result.asset_materializations_for_node("warehouse") else FAILED


def _spread_night(settings: "Settings", is_forced: bool, is_full: bool) -> int:
    """Reads the inputs in this process; the rest is for the workers that Dagster's daemon starts."""
    import dagster as dg

    from pipelines import spreading
    from pipelines.assets.night import INPUTS
    from pipelines.definitions import defs, run_config
    from pipelines.warehouse import duck, releases

    if "DAGSTER_HOME" not in os.environ:
        return _told_to_all(
            "PLIMSOLL_WORKERS is set, and Dagster's daemon spreads the night: name the folder of Dagster's settings "
            "in DAGSTER_HOME, with deploy/dagster.yaml in it as dagster.yaml."
        )
    with dg.DagsterInstance.get() as instance:
        spreading.require_daemon(instance)
        spreading.require_no_night(instance)
        print(f"Plimsoll: building the warehouse with {settings.workers} workers", file=sys.stderr)
        job = defs.resolve_job_def(INPUTS)
        read = job.execute_in_process(run_config(is_forced, is_full), instance=instance, raise_on_error=False)
        if not read.success:
            return _nothing_published()
        run = spreading.followed(instance, read.run_id)
    if run.is_success:
        return 0
    with duck.released(releases.current(settings)) as opened:
        release = releases.row_of(opened)
    return _INCOMPLETE if release is not None and release["run_id"] == run.run_id else _nothing_published()


def _nothing_published() -> int:
    return _told(
        "The night failed and nothing was published; the lines above say why. "
        "The warehouse of the last good night is untouched."
    )


def _told(message: str) -> int:
    print(f"plimsoll: {message}", file=sys.stderr)
    return FAILED


def _told_to_all(message: str) -> int:
    """Also as an alert: for a night that ends where it cannot alert by itself."""
    from pipelines import alerts

    for problem in alerts.send(alerts.failed_night(dt.datetime.now(dt.UTC).date(), [message])):
        _told(problem)
    return _told(message)


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


@app.command(epilog="Example: plimsoll assess cargoes.csv --out verdicts.csv --regime US --regime EU")
def assess(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Shipments file: .csv, .parquet or .xlsx.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="OUT", help="Where verdicts go: .csv, .parquet or .json.")
    ] = None,
    as_of: AsOf = None,
    regime: Regimes = None,
    estimate_unpriced: EstimateUnpriced = False,
) -> None:
    """Judge one shipments file with the rules and the code of the nightly job, without the warehouse.

    Rows that break the contract go to OUT with the suffix .rejected.csv. Exit code 1: some rows were
    rejected, the good ones are still judged.
    """
    day = _day(as_of, "--as-of")
    from pipelines.assess import OutputError, assess_file, check_output, write_rejected, write_verdicts
    from pipelines.rules import RuleError
    from pipelines.sources.shipments_file import InputFileError

    try:
        if out is not None:
            check_output(out, file)
        store = _settings().store_folder
        result = assess_file(file, as_of=day, regimes=regime, estimate_unpriced=estimate_unpriced, store_folder=store)
        if out is not None:
            write_verdicts(result, out)
            rejected = write_rejected(result, out)
    except (InputFileError, OutputError) as error:
        _fail(str(error), BAD_USAGE)
    except RuleError as error:
        _fail(f"The rule tables cannot be used: {error}", FAILED)
    if out is None:
        from rich.console import Console

        from pipelines.report.headlines import rich_table

        Console(width=None if sys.stdout.isatty() else 200).print(rich_table(result.summary()))
        for line in result.rejections():
            print(line, file=sys.stderr)
    else:
        print(f"{result.counts()} Verdicts: {shown(str(out))}.", file=sys.stderr)
        if rejected is not None:
            print(f"Rejected rows and reasons: {shown(str(rejected))}.", file=sys.stderr)
    if result.rejected.height:
        raise typer.Exit(FAILED)


@app.command(epilog="Example: plimsoll explain JP-CUSTOMS-2023-02 --regime US")
def explain(
    shipment_id: Annotated[str, typer.Argument(metavar="SHIPMENT_ID", help="Id of a cargo in the warehouse.")],
    regime: Regimes = None,
) -> None:
    """Show step by step how a verdict came about, with the instrument and the source of each step."""
    import polars as pl

    from pipelines.contracts.cargoes import CARGOES
    from pipelines.report import explanation
    from pipelines.rules.rulebook import Rulebook
    from pipelines.sources.reference import Reference
    from pipelines.warehouse import duck

    settings = _settings()
    shipment_id = shipment_id.encode(errors="replace").decode()  # bytes of a terminal that are no text name no cargo
    with duck.read_only(_warehouse(settings)) as connection:
        found = duck.query_with(connection, "SELECT * FROM staging.cargoes WHERE shipment_id = ?", [shipment_id])
        known_on = duck.query(connection, "SELECT known_on FROM quality.releases")["known_on"].item()
        figures = Reference.of(
            lambda table: table.conform(duck.query(connection, f"SELECT * FROM {table.schema}.{table.name}"))
        )
    if found.height == 0:
        _fail(
            f"{shipment_id}: no cargo of that id is in the warehouse; plimsoll sql "
            '"SELECT shipment_id FROM staging.cargoes" lists them.',
            FAILED,
        )
    book = Rulebook.load().as_of(known_on)
    _check_regimes(regime, book.regime_codes)
    cargo = CARGOES.conform(found.with_columns(pl.col("price_notes").fill_null([])))
    print(shown(explanation.explain(cargo, book, figures, regime)))


@app.command(epilog="Example: plimsoll rules --on 2026-02-01")
def rules(
    on: Annotated[str | None, typer.Option("--on", metavar="DATE", help="Day to look at; today if left out.")] = None,
    as_of: AsOf = None,
) -> None:
    """The caps, transitions and exemptions in force on a day, as known on a day."""
    from pipelines.report import rules_in_force
    from pipelines.rules.rulebook import Rulebook, RuleError

    day = _day(on, "--on") or dt.datetime.now(dt.UTC).date()
    try:
        book = Rulebook.load().as_of(_day(as_of, "--as-of"))
    except RuleError as error:
        _fail(f"The rule tables cannot be used: {error}", FAILED)
    print(rules_in_force.rules_in_force(book, day))


@app.command(epilog='Example: plimsoll sql "SELECT verdict, count(*) FROM marts.shipment_verdicts GROUP BY ALL"')
def sql(
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="One query; without it a shell opens.")] = None,
) -> None:
    """Query the published warehouse, read-only."""
    from pipelines.warehouse import shell

    warehouse = _warehouse(_settings())
    if query is None:
        shell.interactive(warehouse)
        return
    try:
        shell.run_one(warehouse, query)
    except shell.SqlError as error:
        _fail(str(error), FAILED)


@app.command(epilog="Example: plimsoll report --out report")
def report(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder; beside the warehouse if left out.")
    ] = None,
) -> None:
    """Write the report on the published warehouse: one HTML page with its charts, and the charts as PNG."""
    from pipelines.report.files import ReportError, write_report

    settings = _settings()
    warehouse = _warehouse(settings)
    try:
        written = write_report(warehouse, out or settings.report_folder, with_pictures=True)
    except ReportError as error:
        _fail(f"{error} Name another folder with --out.", BAD_USAGE)
    for file in [written.page, *written.pictures]:
        print(_shown(file))


@app.command(epilog="Example: plimsoll diff --out changed.csv")
def diff(
    old: Annotated[str | None, typer.Argument(metavar="[OLD]", help="Release; the one before NEW if left out.")] = None,
    new: Annotated[str | None, typer.Argument(metavar="[NEW]", help="Release; the current one if left out.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="OUT", help="Where the changed verdicts (.csv) or everything (.json) go."),
    ] = None,
) -> None:
    """Compare two releases: rows by key, totals, and verdicts that changed and why.

    A release is named by its id, the beginning of its id, or the path of a .duckdb file.
    """
    from rich.console import Console

    from pipelines.contracts.files import DataFileError
    from pipelines.report.release_difference import check_output, show_difference, write_difference
    from pipelines.rules import RuleError
    from pipelines.warehouse import releases
    from pipelines.warehouse.diff import difference

    try:
        if out is not None:
            check_output(out)
    except ValueError as error:
        _fail(str(error), BAD_USAGE)
    files = releases.pair(_settings(), old, new)
    try:
        from pipelines.definitions import published_tables
    except (RuleError, DataFileError) as error:
        _fail(f"The shipped tables cannot be used: {error}", FAILED)
    found = difference(*files, published_tables())
    show_difference(found, Console(width=None if sys.stdout.isatty() else 160))
    if out is not None:
        write_difference(found, out)
        print(f"Written: {out}.", file=sys.stderr)


@app.command(epilog="Example: plimsoll ui --port 3000")
def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the pages.")] = 3000,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others can reach it if not local.")
    ] = "127.0.0.1",
) -> None:
    """Dagster's pages with the nightly schedule and its daemon, on this machine only."""
    from pipelines.settings import REPOSITORY

    settings = _settings()
    _check_free(host, port)
    _prepare_dagster_home(settings.dagster_home)
    print(f"Dagster's pages, in some seconds: http://{host}:{port} (stop with Ctrl-C)", file=sys.stderr)
    dagster = Path(sys.executable).with_name("dagster")
    workspace = REPOSITORY / "workspace.yaml"
    os.environ["PLIMSOLL_HOME"] = str(settings.home)
    # It tells everyone who starts it that another command, for scaffolded projects, has come beside it.
    others = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [others, "ignore:Function `dev_command` is superseded"]))
    # A script that starts this with & has it ignore Ctrl-C, and Dagster would then ignore every request to stop.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # From Dagster's own folder: a settings file in the working directory would be taken for its own.
    os.chdir(settings.dagster_home)
    address = ["--host", host, "--port", str(port)]
    os.execv(dagster, [str(dagster), "dev", "-w", str(workspace), *address, "--log-level", "warning"])


def _check_free(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = "another program uses it" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        _fail(f"{host}:{port}: the pages cannot be served there ({reason}); name another --port or --host.", BAD_USAGE)


def _settings(tell: Callable[[str], int] | None = None) -> "Settings":
    from pipelines.settings import Settings

    try:
        return Settings.from_environment()
    except ValueError as error:
        (tell or _told)(str(error))
        raise typer.Exit(BAD_USAGE) from error


def _warehouse(settings: "Settings") -> "Source":
    from pipelines.warehouse import releases

    warehouse = releases.current(settings)
    if not warehouse.exists():
        _fail("There is no published warehouse yet; run: plimsoll nightly", FAILED)
    return warehouse


def _prepare_dagster_home(home: Path) -> None:
    from pipelines.settings import REPOSITORY

    home.mkdir(parents=True, exist_ok=True)
    config = (REPOSITORY / "dagster.yaml").read_text(encoding="utf-8")
    target = home / "dagster.yaml"
    if not target.exists() or target.read_text(encoding="utf-8") != config:
        target.write_text(config, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home.resolve())


def _day(text: str | None, option: str) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        _fail(f"{option} {text}: not a day; write it as YYYY-MM-DD, such as 2023-04-02.", BAD_USAGE)


def _check_regimes(given: list[str] | None, known: tuple[str, ...]) -> None:
    for code in given or []:
        if code not in known:
            _fail(f"--regime {code}: unknown; the regimes are {', '.join(known)}.", BAD_USAGE)


def _shown(place: "Source") -> str:
    is_near = isinstance(place, Path) and place.is_relative_to(Path.cwd())
    return str(place.relative_to(Path.cwd()) if is_near and isinstance(place, Path) else place)


def _fail(message: str, code: int) -> NoReturn:
    print(f"plimsoll: {shown(message)}", file=sys.stderr)
    raise typer.Exit(code)


if __name__ == "__main__":
    main()
