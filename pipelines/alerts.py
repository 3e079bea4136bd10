"""Alerts: one message about a night, to the webhook and the mail server that the environment names.

Here: what a night says in an alert, and how it is sent.
Add here: another channel.
Keep out: when a night alerts (`pipelines.assets.night`, `pipelines.cli`). Addresses and passwords are read where
they are used and appear in no message, error or log.
"""

import datetime as dt
import logging
import os
import smtplib
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import urlsplit

import polars as pl

WEBHOOK, MAIL = "PLIMSOLL_ALERT_WEBHOOK", "PLIMSOLL_ALERT_SMTP"
USER, PASSWORD = "PLIMSOLL_ALERT_SMTP_USER", "PLIMSOLL_ALERT_SMTP_PASSWORD"
SENDER, RECIPIENTS = "PLIMSOLL_ALERT_FROM", "PLIMSOLL_ALERT_TO"

ATTEMPTS = 3
SECONDS = 5.0  # for one attempt; all of them together are cut off after three times that
MOST_LINES = 30
WIDEST_LINE = 500
MAIL_REFUSED = 500  # for good; what is below may pass

logging.getLogger("httpx").setLevel(logging.WARNING)  # below that it logs whole addresses
MAIL_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True)
class Alert:
    """title: one line of the program's own words. lines: details, which may hold text from anywhere."""

    title: str
    lines: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """The lines, each and all of a length that a person reads."""
        shown = [line if len(line) <= WIDEST_LINE else f"{line[: WIDEST_LINE - 1]}…" for line in self.lines]
        more = len(shown) - MOST_LINES
        return "\n".join([*shown[:MOST_LINES], *([f"and {more} more"] if more > 0 else [])])


class _NotSent(Exception):
    """A channel did not take the alert; the message names it by its setting, and no address or password."""

    def __init__(self, reason: str, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass  # another attempt is worth it


def failed_night(day: dt.date, reasons: Iterable[str], results: pl.DataFrame | None = None) -> Alert:
    """A night that published nothing. reasons: one for each step that failed. results: `CHECK_RESULTS`, so far."""
    checks = () if results is None else _failed_checks(results)
    return Alert(f"Plimsoll: the night of {day} failed, nothing was published", (*reasons, *checks))


def published_night(day: dt.date, reasons: Sequence[str], results: pl.DataFrame) -> Alert | None:
    """A night that published; None if all went well. reasons: of steps that failed after the publishing."""
    checks = _failed_checks(results)
    if reasons:
        return Alert(f"Plimsoll: the night of {day} was published, but a step after that failed", (*reasons, *checks))
    if not checks:
        return None
    warnings = "1 warning" if len(checks) == 1 else f"{len(checks)} warnings"
    return Alert(f"Plimsoll: the night of {day} was published with {warnings}", checks)


def cut_off_night(day: dt.date, run_id: str) -> Alert:
    """The night before this one was cut off; this one begins anew."""
    return Alert(f"Plimsoll: a night was cut off before its end; that of {day} begins anew", (f"run {run_id}",))


def _failed_checks(results: pl.DataFrame) -> tuple[str, ...]:
    failed = results.filter(~pl.col("is_passed")).sort("severity", "table_name", "check_name")
    return tuple(
        f"{row['severity']} {row['table_name']}: {row['check_name']}: {row['rows_failed']:,} of {row['rows_checked']:,}"
        + (f". {row['message']}" if row["message"] else "")
        for row in failed.iter_rows(named=True)
    )


def send(alert: Alert, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Sends to every channel that is named; returns what went wrong, one plain sentence for each."""
    problems = []
    for setting, post in ((WEBHOOK, _post), (MAIL, _mail)):
        if address := environment.get(setting):
            try:
                _with_retries(post, address, alert, environment)
            except _NotSent as error:
                problems.append(f"The alert was not sent: {error}.")
    return problems


def _with_retries(
    post: Callable[[str, Alert, Mapping[str, str]], None], address: str, alert: Alert, environment: Mapping[str, str]
) -> None:
    import stamina

    # By itself it prints every retry among the tables of the night; what fails for good is told.
    stamina.instrumentation.set_on_retry_hooks(())

    def may_pass(error: Exception) -> bool:
        return isinstance(error, _NotSent) and error.may_pass

    # A block, not a decorated function: what stamina logs about a retry would name the arguments.
    for attempt in stamina.retry_context(on=may_pass, attempts=ATTEMPTS, timeout=ATTEMPTS * SECONDS):
        with attempt:
            post(address, alert, environment)


def _post(url: str, alert: Alert, _: Mapping[str, str]) -> None:
    """One JSON object with `text`, as Slack and its kin read it."""
    import httpx

    text = "\n".join(filter(None, [f"*{_slack(alert.title)}*", _slack(alert.body)]))
    try:
        answer = httpx.post(url, json={"text": text}, timeout=SECONDS)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise _NotSent(f"{WEBHOOK} is not a web address") from error
    except httpx.HTTPError as error:
        raise _NotSent(f"the server of {WEBHOOK} could not be reached ({type(error).__name__})", True) from None
    if not answer.is_success:
        may_pass = answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error
        raise _NotSent(f"the server of {WEBHOOK} answered HTTP {answer.status_code}", may_pass)


def _slack(text: str) -> str:
    """Text without mentions and links of Slack's own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mail(address: str, alert: Alert, environment: Mapping[str, str]) -> None:
    scheme, host, port = _mail_server(address)
    if PASSWORD in environment and scheme == "smtp":
        raise _NotSent(f"a password would go out unencrypted; give {MAIL} as smtp+starttls:// or smtps://")
    message = _message(alert, environment)
    encryption = ssl.create_default_context()
    try:
        with (
            smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=encryption)
            if scheme == "smtps"
            else smtplib.SMTP(host, port, timeout=SECONDS)
        ) as server:
            if scheme == "smtp+starttls":
                server.starttls(context=encryption)
            if PASSWORD in environment:
                _log_in(server, environment)
            server.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise _NotSent(f"the server of {MAIL} answered {error.smtp_code}", error.smtp_code < MAIL_REFUSED) from None
    except OSError as error:
        raise _NotSent(f"the server of {MAIL} could not be used ({type(error).__name__})", True) from None


def _log_in(server: smtplib.SMTP, environment: Mapping[str, str]) -> None:
    try:
        server.login(environment.get(USER, ""), environment[PASSWORD])
    except smtplib.SMTPException as error:  # not tried again: too many attempts lock an account
        raise _NotSent(f"the server of {MAIL} did not take the login ({type(error).__name__})") from None


def _mail_server(address: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(address)
        port = parts.port or MAIL_PORTS.get(parts.scheme)
    except ValueError:
        port = None
    if port is None or not parts.hostname or "@" in parts.netloc:
        raise _NotSent(f"{MAIL} is not of the form {' or '.join(f'{scheme}://server:port' for scheme in MAIL_PORTS)}")
    return parts.scheme, parts.hostname, port


def _message(alert: Alert, environment: Mapping[str, str]) -> EmailMessage:
    message = EmailMessage()
    for header, setting in (("From", SENDER), ("To", RECIPIENTS)):
        addresses = environment.get(setting, "")
        if "@" not in addresses or not addresses.isprintable():  # a line break would begin another header
            raise _NotSent(f"{MAIL} needs addresses in {SENDER} and {RECIPIENTS}")
        message[header] = addresses
    message["Subject"] = alert.title
    message["Date"] = dt.datetime.now(dt.UTC)
    message.set_content(alert.body or alert.title)
    return message
