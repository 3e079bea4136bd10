"""Alerts, sent to real servers on this machine.

Here: a web server and mail servers that take, refuse or ignore an alert; what an alert says.
Add here: another way in which a server may answer, another channel.
Keep out: when a night alerts (see `tests/integration/test_alerting.py`).
"""

import datetime as dt
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import polars as pl
import pytest
import stamina
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from pipelines import alerts
from pipelines.alerts import Alert, failed_night, published_night, send
from pipelines.contracts.quality import CHECK_RESULTS
from tests.webhook import Webhook, webhook_server

NIGHT = dt.date(2026, 3, 1)
SECRET = "T0-swordfish"
CERTIFICATE = Path(__file__).parents[1] / "certificates" / "localhost.pem"


def results(*checks: tuple[str, str, int, str | None]) -> pl.DataFrame:
    """`CHECK_RESULTS` of checks on one table: name, severity, rows that failed of 40, message."""
    rows = [
        {
            "table_name": "marts.shipment_verdicts",
            "check_name": name,
            "severity": severity,
            "is_blocking": severity == "ERROR",
            "is_passed": failed == 0,
            "rows_checked": 40,
            "rows_failed": failed,
            "description": "",
            "message": message,
            "sample": None,
            "run_id": "run",
            "checked_at": dt.datetime(2026, 3, 1, 3, tzinfo=dt.UTC),
        }
        for name, severity, failed, message in checks
    ]
    return pl.DataFrame(rows, schema=CHECK_RESULTS.polars_schema())


class TestWhatIsSaid:
    def test_a_night_that_failed(self) -> None:
        found = results(("open", "WARN", 4, None), ("judged", "ERROR", 2, "Was 5, now 0."), ("fine", "ERROR", 0, None))
        alert = failed_night(NIGHT, ["verdicts: the barrel is a gallon short"], found)
        assert alert.title == "Plimsoll: the night of 2026-03-01 failed, nothing was published"
        assert alert.lines == (
            "verdicts: the barrel is a gallon short",
            "ERROR marts.shipment_verdicts: judged: 2 of 40. Was 5, now 0.",
            "WARN marts.shipment_verdicts: open: 4 of 40",
        )

    def test_a_night_with_warnings(self) -> None:
        alert = published_night(NIGHT, [], results(("open", "WARN", 4, None), ("fine", "ERROR", 0, None)))
        assert alert is not None
        assert alert.title == "Plimsoll: the night of 2026-03-01 was published with 1 warning"
        assert alert.lines == ("WARN marts.shipment_verdicts: open: 4 of 40",)

    def test_a_good_night_says_nothing(self) -> None:
        assert published_night(NIGHT, [], results(("fine", "ERROR", 0, None))) is None

    def test_a_step_that_failed_after_the_publishing(self) -> None:
        alert = published_night(NIGHT, ["report: no ink"], results())
        assert alert is not None
        assert "was published, but a step after that failed" in alert.title
        assert alert.lines == ("report: no ink",)

    def test_it_stays_short(self) -> None:
        body = Alert("title", tuple("x" * 2000 for _ in range(40))).body
        lines = body.splitlines()
        assert len(lines) == 31
        assert max(len(line) for line in lines) == 500
        assert lines[-1] == "and 10 more"


# --- the web server ------------------------------------------------------------------------------------------------


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with webhook_server() as server:
        yield server


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No proxy on the way, and no waiting between attempts, of which there are no more than else."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


def post(webhook: Webhook, *lines: str) -> list[str]:
    return send(Alert("A night", lines), {alerts.WEBHOOK: f"{webhook.url}/services/{SECRET}"})


class TestWebhook:
    def test_the_text_as_slack_reads_it(self, webhook: Webhook) -> None:
        assert post(webhook, "one", "two") == []
        assert webhook.seen == [(f"/services/{SECRET}", {"text": "*A night*\none\ntwo"})]

    def test_text_from_files_mentions_nobody_and_links_nowhere(self, webhook: Webhook) -> None:
        post(webhook, "<!channel> & <http://evil.example|click>")
        assert webhook.texts == ["*A night*\n&lt;!channel&gt; &amp; &lt;http://evil.example|click&gt;"]

    @pytest.mark.parametrize("status", [500, 503, 429])
    def test_what_may_pass_is_tried_again(self, webhook: Webhook, status: int) -> None:
        webhook.statuses = [status, status, 200]
        assert post(webhook) == []
        assert len(webhook.seen) == 3

    def test_but_not_for_ever(self, webhook: Webhook) -> None:
        webhook.statuses = [500]
        (problem,) = post(webhook)
        assert len(webhook.seen) == alerts.ATTEMPTS
        assert problem == "The alert was not sent: the server of PLIMSOLL_ALERT_WEBHOOK answered HTTP 500."

    @pytest.mark.parametrize("status", [400, 403, 404, 302])
    def test_what_will_not_pass_is_not(self, webhook: Webhook, status: int) -> None:
        webhook.statuses = [status]
        (problem,) = post(webhook)
        # A redirect is not followed: the alert goes to the address that was named, or nowhere.
        assert len(webhook.seen) == 1
        assert f"HTTP {status}" in problem

    def test_a_server_that_does_not_answer(self, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(alerts, "SECONDS", 0.2)
        webhook.hold_s = 60
        (problem,) = post(webhook)
        assert "could not be reached (ReadTimeout)" in problem
        assert 1 <= len(webhook.seen) <= alerts.ATTEMPTS

    def test_no_server(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        (problem,) = send(Alert("A night"), {alerts.WEBHOOK: f"http://127.0.0.1:{port}/{SECRET}"})
        assert problem == (
            "The alert was not sent: the server of PLIMSOLL_ALERT_WEBHOOK could not be reached (ConnectError)."
        )

    @pytest.mark.parametrize("url", [f"hooks.example/{SECRET}", f"ftp://hooks.example/{SECRET}", f"http:///{SECRET}"])
    def test_no_address(self, url: str) -> None:
        (problem,) = send(Alert("A night"), {alerts.WEBHOOK: url})
        assert problem == "The alert was not sent: PLIMSOLL_ALERT_WEBHOOK is not a web address."

    def test_an_address_of_no_server(self) -> None:
        (problem,) = send(Alert("A night"), {alerts.WEBHOOK: f"http://[{SECRET}"})
        assert "PLIMSOLL_ALERT_WEBHOOK" in problem
        assert SECRET not in problem

    def test_the_address_stands_in_no_log(
        self, webhook: Webhook, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level("INFO")
        webhook.statuses = [500, 404]
        said = post(webhook)
        shown = capsys.readouterr()
        assert SECRET not in "".join([*said, caplog.text, *map(str, caplog.records), shown.out, shown.err])
        # Nor do retries stand among the tables of the night.
        assert shown.out == ""


def test_nothing_is_sent_where_nothing_is_named() -> None:
    assert send(Alert("A night"), {}) == []
    assert send(Alert("A night"), {alerts.WEBHOOK: "", alerts.MAIL: ""}) == []


# --- the mail server -----------------------------------------------------------------------------------------------


@dataclass
class Mailbox:
    """A mail server: where it is, what came in, who logged in, and what it answers to a mail."""

    port: int
    mails: list[Envelope] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    answers: list[str] = field(default_factory=lambda: ["250 taken"])

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return self.answers[min(len(self.mails), len(self.answers)) - 1]

    def authenticated(
        self, _server: object, _session: object, _envelope: object, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == SECRET.encode())


StartMailServer = Callable[..., Mailbox]


@pytest.fixture
def mail_server() -> Iterator[StartMailServer]:
    started: list[Controller] = []

    def start(**options: Any) -> Mailbox:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            mailbox = Mailbox(taken.getsockname()[1])
        controller = Controller(
            mailbox, hostname="127.0.0.1", port=mailbox.port, authenticator=mailbox.authenticated, **options
        )
        controller.start()
        started.append(controller)
        return mailbox

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture
def encrypted(monkeypatch: pytest.MonkeyPatch) -> SSLContext:
    """What the mail server shows, and what the program trusts in."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def mail_settings(address: str, **others: str) -> Mapping[str, str]:
    return {
        alerts.MAIL: address,
        alerts.SENDER: "plimsoll@oil.example",
        alerts.RECIPIENTS: "desk@oil.example, night@oil.example",
    } | others


class TestMail:
    def test_a_mail(self, mail_server: StartMailServer) -> None:
        mailbox = mail_server()
        alert = Alert("Plimsoll: a night", ("WARN größer als 5", ".", "two"))
        assert send(alert, mail_settings(f"smtp://127.0.0.1:{mailbox.port}")) == []
        (mail,) = mailbox.mails
        assert mail.mail_from == "plimsoll@oil.example"
        assert mail.rcpt_tos == ["desk@oil.example", "night@oil.example"]
        message = message_from_bytes(mail.content, policy=policy.default)
        assert message["Subject"] == "Plimsoll: a night"
        assert message["Date"] is not None
        assert message.get_content().splitlines() == ["WARN größer als 5", ".", "two"]

    def test_an_encrypted_one_with_a_password(self, mail_server: StartMailServer, encrypted: SSLContext) -> None:
        mailbox = mail_server(tls_context=encrypted, require_starttls=True)
        settings = mail_settings(f"smtp+starttls://localhost:{mailbox.port}", **login("night-shift"))
        assert send(Alert("A night"), settings) == []
        assert mailbox.logins == [(b"night-shift", SECRET.encode())]
        assert len(mailbox.mails) == 1

    def test_one_encrypted_from_the_first_byte(self, mail_server: StartMailServer, encrypted: SSLContext) -> None:
        mailbox = mail_server(ssl_context=encrypted)
        assert send(Alert("A night"), mail_settings(f"smtps://localhost:{mailbox.port}")) == []
        assert len(mailbox.mails) == 1

    def test_a_server_that_cannot_show_who_it_is(
        self, mail_server: StartMailServer, encrypted: SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mailbox = mail_server(ssl_context=encrypted)
        monkeypatch.delenv("SSL_CERT_FILE")
        (problem,) = send(Alert("A night"), mail_settings(f"smtps://localhost:{mailbox.port}", **login("me")))
        assert "SSLCertVerificationError" in problem
        assert (mailbox.logins, mailbox.mails) == ([], [])

    def test_a_server_without_the_encryption_that_was_asked_for(self, mail_server: StartMailServer) -> None:
        mailbox = mail_server()
        (problem,) = send(Alert("A night"), mail_settings(f"smtp+starttls://127.0.0.1:{mailbox.port}", **login("me")))
        assert "SMTPNotSupportedError" in problem
        assert (mailbox.logins, mailbox.mails) == ([], [])

    def test_a_password_never_goes_out_unencrypted(self, mail_server: StartMailServer) -> None:
        mailbox = mail_server(auth_require_tls=False)
        (problem,) = send(Alert("A night"), mail_settings(f"smtp://127.0.0.1:{mailbox.port}", **login("me")))
        assert "unencrypted" in problem
        assert (mailbox.logins, mailbox.mails) == ([], [])

    def test_a_wrong_password_is_not_tried_again(self, mail_server: StartMailServer, encrypted: SSLContext) -> None:
        mailbox = mail_server(tls_context=encrypted)
        settings = mail_settings(f"smtp+starttls://localhost:{mailbox.port}", **login("me", "wrong"))
        (problem,) = send(Alert("A night"), settings)
        assert problem.startswith("The alert was not sent: the server of PLIMSOLL_ALERT_SMTP did not take the login")
        # Once by each way of logging in that the server offers.
        assert len(mailbox.logins) <= 3
        assert mailbox.mails == []

    @pytest.mark.parametrize(
        ("answers", "mails", "told"),
        [
            (["451 later", "250 taken"], 2, None),
            (["554 never"], 1, "answered 554"),
            (["451 later"], alerts.ATTEMPTS, "answered 451"),
        ],
    )
    def test_what_may_pass_is_tried_again(
        self, mail_server: StartMailServer, answers: list[str], mails: int, told: str | None
    ) -> None:
        mailbox = mail_server()
        mailbox.answers = answers
        problems = send(Alert("A night"), mail_settings(f"smtp://127.0.0.1:{mailbox.port}"))
        assert len(mailbox.mails) == mails
        assert (problems == []) if told is None else (told in problems[0])

    @pytest.mark.parametrize(
        "address",
        [
            "mail.example",
            "http://mail.example",
            f"smtps://me:{SECRET}@mail.example",
            "smtp://mail.example:70000",
            "smtp://",
        ],
    )
    def test_no_address(self, address: str) -> None:
        (problem,) = send(Alert("A night"), mail_settings(address))
        assert "smtps://server:port" in problem
        assert SECRET not in problem

    @pytest.mark.parametrize("sender", ["", "me@oil.example\nBcc: all@oil.example"])
    def test_no_sender(self, sender: str) -> None:
        (problem,) = send(Alert("A night"), mail_settings("smtp://127.0.0.1:1", **{alerts.SENDER: sender}))
        assert problem == (
            "The alert was not sent: PLIMSOLL_ALERT_SMTP needs addresses in PLIMSOLL_ALERT_FROM and PLIMSOLL_ALERT_TO."
        )


def login(user: str, password: str = SECRET) -> dict[str, str]:
    return {alerts.USER: user, alerts.PASSWORD: password}


def test_one_channel_that_fails_does_not_keep_the_other_from_its_alert(
    webhook: Webhook, mail_server: StartMailServer
) -> None:
    mailbox = mail_server()
    webhook.statuses = [404]
    named = {alerts.WEBHOOK: webhook.url} | mail_settings(f"smtp://127.0.0.1:{mailbox.port}")
    (problem,) = send(Alert("A night"), named)
    assert "HTTP 404" in problem
    assert len(mailbox.mails) == 1
