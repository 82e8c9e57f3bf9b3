"""What a Dockerfile says of how to run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.clients import dockerfile


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('CMD ["python", "app.py"]', ["python", "app.py"]),
        ("CMD python app.py", ["/bin/sh", "-c", "python app.py"]),
        ("cmd  python app.py", ["/bin/sh", "-c", "python app.py"]),
        ('ENTRYPOINT ["python"]\nCMD ["app.py"]', ["python", "app.py"]),
        ('CMD ["app.py"]\nENTRYPOINT ["python"]', ["python"]),  # a new entrypoint forgets the arguments
        ('CMD ["a"]\nCMD ["b"]', ["b"]),
        ("CMD python \\\n  app.py", ["/bin/sh", "-c", "python    app.py"]),
        ("CMD python \\\n# a word between\n  app.py", ["/bin/sh", "-c", "python    app.py"]),
        ('CMD ["a", 1]', ["/bin/sh", "-c", '["a", 1]']),
        ("FROM x\nCMD a\nFROM y", None),
        ("", None),
        ("COPY . .\nEXPOSE 80", None),
    ],
)
def test_the_command_is_that_of_the_last_stage(text, command):
    assert dockerfile.read(text).command == command


def test_variables_of_both_forms_are_read():
    text = 'ENV A=1 B="two words"\nENV OLD one value\nENV A=3\nENV BROKEN=\''
    assert dockerfile.read(text).env == {"A": "3", "B": "two words", "OLD": "one value"}


def test_what_it_would_have_run_is_told():
    text = "FROM a AS build\nRUN make\nFROM b\n"
    text += "RUN apt-get update && \\\n    apt-get install x\n# RUN not\nrun pip install ."
    assert dockerfile.read(text).skipped == ["apt-get update &&      apt-get install x", "pip install ."]


@given(st.text("FROMCDENVRU[]\"'\\=$ \n#a", max_size=80))
def test_nothing_makes_it_fail(text):
    dockerfile.read(text)
