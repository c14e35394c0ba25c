"""What a run leaves behind: nothing, or what somebody has to look at."""

import shutil

import pytest

from simulator.blackbox.scratch import open_scratch


def test_a_run_that_was_right_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with open_scratch() as scratch:
        (scratch.path / "data").mkdir()
        scratch.is_kept = False
    assert not scratch.path.exists()
    assert capsys.readouterr().err == ""


def test_a_run_that_broke_off_keeps_its_directory_and_prints_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(KeyError), open_scratch() as scratch:
        raise KeyError
    assert capsys.readouterr().err == f"kept: {scratch.path}\n"
    shutil.rmtree(scratch.path)
