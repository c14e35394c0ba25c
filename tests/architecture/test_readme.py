"""The Python of both READMEs runs, and prints what stands below it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE_AND_OUTPUT = re.compile(r"```python\n(.*?)```\n\n```\n(.*?)```", re.DOTALL)
READMES = ("README.md", "README.zh-CN.md")


@pytest.mark.parametrize("name", READMES)
def test_the_code_prints_what_stands_below_it(name: str) -> None:
    ((code, output),) = CODE_AND_OUTPUT.findall((ROOT / name).read_text("utf-8"))
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout == output


def test_both_languages_show_the_same_code_commands_and_answers() -> None:
    english, chinese = ((ROOT / name).read_text("utf-8") for name in READMES)
    assert list_blocks(english) == list_blocks(chinese)


def list_blocks(text: str) -> list[str]:
    """All code blocks but the drawing, with comments left out."""
    blocks = re.findall(r"```(?:console|python)?\n(.*?)```", text, re.DOTALL)
    return [re.sub(r" +# .*", "", block) for block in blocks if "────" not in block]
