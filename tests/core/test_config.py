"""The configuration refuses what it cannot use, and says which key, what was found and what is allowed."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from fablab.cli import fablab, main
from fablab.core.config import Config, ConfigError, load_config
from fablab.core.example import example

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.toml"

FAULTS = {
    "unknown section": ("[web3]\nport = 1\n", ("web3", "unknown key")),
    "unknown key": ("[web]\nprot = 8000\n", ("web.prot", "unknown key", "allowed: host, port")),
    "unknown key of a broker": (
        '[[mqtt.brokers]]\nname = "a"\nhost = "b"\nx = 1\n',
        ("mqtt.brokers.0.x", "unknown key"),
    ),
    "inner key from outside": ('base_dir = "/"\n', ("base_dir", "unknown key")),
    "text for a number": ('[web]\nport = "many"\n', ("web.port", "integer", "'many'")),
    "number for a list": ("[lab]\nlanguages = 3\n", ("lab.languages", "3")),
    "port too large": ("[web]\nport = 70000\n", ("web.port", "65535", "70000")),
    "zone that is none": ('[lab]\ntimezone = "Mars/Olympus"\n', ("lab.timezone", "Europe/Paris", "Mars/Olympus")),
    "language that is none": ('[lab]\nlanguages = ["xx"]\n', ("lab.languages.0", "'fr'", "'xx'")),
    "no language": ("[lab]\nlanguages = []\n", ("lab.languages", "at least 1")),
    "day that is none": ('[lab.opening_hours]\nfunday = ["09:00-10:00"]\n', ("lab.opening_hours", "funday", "monday")),
    "hours without a dash": ('[lab.opening_hours]\nmonday = ["9"]\n', ("lab.opening_hours", "09:00-18:00")),
    "closes before it opens": ('[lab.opening_hours]\nmonday = ["18:00-09:00"]\n', ("closes must be after opens",)),
    "date that is none": ('[lab]\nclosed_days = ["2026-02-30"]\n', ("lab.closed_days.0", "2026-02-30")),
    "address with a path": ('[web]\nbase_url = "https://lab.example/app"\n', ("web.base_url", "lab.example/app")),
    "another database": ('[database]\nurl = "mysql://x"\n', ("database.url", "mysql://x")),
    "two brokers": ('[mqtt]\nembedded = true\nhost = "b"\n', ("mqtt", "exclude each other")),
    "no broker": ("[mqtt]\nembedded = false\n", ("mqtt", "host is missing")),
    "no TOML": ("[web\n", ("not valid TOML", "line 1")),
    "the same key twice": ("[web]\nport = 1\nport = 2\n", ("not valid TOML",)),
    "not UTF-8": (b"[lab]\nname = '\xff'\n", ("not valid TOML",)),
}


@pytest.mark.parametrize(("text", "named"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named(tmp_path: Path, text: str | bytes, named: tuple[str, ...]) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as refused:
        load_config(file)
    assert str(file) in str(refused.value)
    assert [words for words in named if words not in str(refused.value)] == []


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[web]\nport = 0\nthreads = 1\n")
    with pytest.raises(ConfigError) as refused:
        load_config(file)
    assert "web.port" in str(refused.value)
    assert "web.threads" in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "config.toml")


def test_a_fault_is_one_sentence_and_exit_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[web]\nport = 0\n")
    monkeypatch.setattr("sys.argv", ["fablab", "--config", str(file), "person", "list"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("fablab: ")
    assert "web.port" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", [["nonsense"], ["person", "add"], ["--nonsense"], ["token", "revoke", "x"]])
def test_wrong_usage_is_exit_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(fablab, arguments).exit_code == 2


def test_the_environment_overrides_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[web]\nport = 8001\nhost = "0.0.0.0"\n')
    monkeypatch.setenv("FABLAB_WEB__PORT", "8002")
    config = load_config(file)
    assert (config.web.port, config.web.host) == (8002, "0.0.0.0")


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("FABLAB_WEB3__PORT", "1", "web3"),
        ("FABLAB_WEB__PORT", "many", "web.port"),
        ("FABLAB_WEB__PROT", "1", "web.prot"),
    ],
)
def test_a_fault_in_the_environment_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    (tmp_path / "config.toml").write_text("")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=named):
        load_config(tmp_path / "config.toml")


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config().web.port == 8000


# -- the example ------------------------------------------------------------------------------------------------------


def test_the_example_is_the_one_the_models_make() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == example()


def test_the_example_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(example(), encoding="utf-8")
    assert load_config(file) == Config(base_dir=tmp_path)


def test_the_example_holds_nothing_unknown() -> None:
    assert set(tomllib.loads(example())) <= set(Config.model_fields)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        (name, key)
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for key in field.annotation.model_fields
    ],
)
def test_every_key_is_in_the_example_with_its_help(section: str, key: str) -> None:
    model = Config.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    help_ = model.model_fields[key].description
    assert help_
    assert key in example()
    assert help_ in example()
