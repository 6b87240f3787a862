"""What tests share: the experiment on the bundled voices, and on the 2015 recordings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commands import Runner
from spectramend.experiments import thiemann2015
from spectramend.experiments._common.output import write
from spectramend.experiments._common.results import Result

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SPECTRAMEND_DATA", ROOT.parent / "shared" / "data"))
VOICES = ROOT / "src" / "spectramend" / "voices"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    """Run a command."""
    return Runner(monkeypatch, capsys)


@pytest.fixture(scope="session")
def dev_folder() -> Path:
    """Real recordings."""
    folder = DATA / "dev"
    if not folder.is_dir():
        pytest.skip("real recordings are absent: set SPECTRAMEND_DATA to their parent folder")
    return folder


@pytest.fixture(scope="session")
def thiemann_folder() -> Path:
    """The 2015 notebook's own recordings."""
    folder = DATA / "thiemann2015"
    if not folder.is_dir():
        pytest.skip("the 2015 recordings are absent: set SPECTRAMEND_DATA to their parent folder")
    return folder


@pytest.fixture(scope="session")
def thiemann_result(thiemann_folder: Path) -> Result:
    """The experiment on them, as it runs by default."""
    return thiemann2015.run(thiemann2015.load(thiemann_folder))


@pytest.fixture(scope="session")
def bundled_result() -> Result:
    """The experiment on the bundled voices, with the mask that knows the mix."""
    return thiemann2015.run(thiemann2015.load(VOICES), mask="exact")


@pytest.fixture(scope="session")
def bundled_output(bundled_result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the experiment writes."""
    folder = tmp_path_factory.mktemp("thiemann2015")
    write(folder, bundled_result, ["spectramend demo"])
    return folder
