"""`fablab db`: up, down, and what version there is."""

from pathlib import Path

from click.testing import CliRunner

from fablab.core.cli import database
from fablab.core.config import Config


def test_it_goes_up_and_down_and_says_where_it_is(sqlite_config: Config, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        answer = CliRunner().invoke(database, arguments, obj=lambda: config, catch_exceptions=False)
        assert answer.exit_code == 0
        return answer.output

    config = sqlite_config.with_changes(database={"url": f"sqlite:///{tmp_path}/other.db"})
    assert "version none; this program needs" in run("current")
    assert "(before: none)" in run("upgrade")
    assert "before" not in run("upgrade")
    run("downgrade", "base", "--yes")
    assert "version none" in run("current")
    refused = CliRunner().invoke(database, ["downgrade"], obj=lambda: config, input="n\n")
    assert refused.exit_code == 1
