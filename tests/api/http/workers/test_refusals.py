"""What several workers are not started on, and what no message and no log may show."""

from pathlib import Path

from tests.api.http.workers.two_workers import PASSWORD, PASSWORD_IN_URL, TwoWorkers
from tests.server_process import run_command

SERVE = ("serve", "--port", "0", "--data-dir")


def test_several_workers_need_a_ledger_that_they_can_share(tmp_path: Path) -> None:
    assert run_command("init", "--data-dir", tmp_path / "data").returncode == 0
    refused = run_command(*SERVE, tmp_path / "data", "--workers", "2")
    assert refused.returncode == 1
    assert "2 workers need a ledger that they can share" in refused.stderr
    assert "FARE_DATABASE_URL" in refused.stderr


def test_a_server_with_another_token_key_does_not_start(
    workers: TwoWorkers, tmp_path: Path
) -> None:
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    key = directory / "token.key"
    key.write_text("ab" * 32 + "\n")
    key.chmod(0o600)
    for count in ("1", "2"):
        refused = run_command(*SERVE, directory, "--workers", count, **workers.server.ledger)
        assert refused.returncode == 1
        assert refused.stderr.count("token.key is not the key of this ledger") == 1


def test_a_directory_without_a_token_key_is_refused(workers: TwoWorkers, tmp_path: Path) -> None:
    refused = run_command(*SERVE, tmp_path, **workers.server.ledger)
    assert refused.returncode == 1
    assert "copy the one that the other machines of this ledger have" in refused.stderr


def test_a_database_with_a_ledger_is_not_filled_again(workers: TwoWorkers, tmp_path: Path) -> None:
    refused = run_command("init", "--data-dir", tmp_path / "data", **workers.server.ledger)
    assert refused.returncode == 1
    assert "already holds a ledger; nothing was changed" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_a_loss_is_not_accepted_of_a_shared_ledger(workers: TwoWorkers) -> None:
    refused = run_command(
        *("config", "accept-loss", "--reason", "test"),
        *("--data-dir", workers.server.data_dir),
        **workers.server.ledger,
    )
    assert refused.returncode == 1
    assert "only the embedded ledger" in refused.stderr


def test_the_password_of_the_database_is_shown_nowhere(workers: TwoWorkers, tmp_path: Path) -> None:
    shown = workers.server.log_path.read_text("utf-8")
    url = workers.database_url
    gone = "postgresql://postgres:{}@127.0.0.1:1/nowhere"
    for changed, command in (
        (url.replace("postgresql://", "mysql://"), ("config", "check")),
        (gone.format(PASSWORD), ("config", "check")),
        (gone.format(PASSWORD_IN_URL), ("config", "check")),
        (gone.format(PASSWORD_IN_URL), ("serve", "--port", "0", "--workers", "2")),
    ):
        done = run_command(
            *(*command, "--data-dir", workers.server.data_dir), FARE_DATABASE_URL=changed
        )
        assert done.returncode == 1
        shown += done.stdout + done.stderr
    assert PASSWORD not in shown
    assert PASSWORD_IN_URL not in shown
    assert "a-password" not in shown


def test_the_password_may_stand_in_a_file(workers: TwoWorkers, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    url = workers.database_url.replace(f":{PASSWORD_IN_URL}@", "@")
    done = run_command(
        *("keys", "list", "--data-dir", workers.server.data_dir),
        FARE_DATABASE_URL=url,
        FARE_DATABASE_PASSWORD_FILE=str(password),
    )
    assert done.returncode == 0, done.stderr
    password.unlink()
    missing = run_command(
        *("keys", "list", "--data-dir", workers.server.data_dir),
        FARE_DATABASE_URL=url,
        FARE_DATABASE_PASSWORD_FILE=str(password),
    )
    assert missing.returncode == 1
    assert "cannot be read" in missing.stderr
