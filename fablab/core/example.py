"""The commented configuration that `fablab init` writes and `config.example.toml` shows, made from the models."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fablab.core.config import BrokerConfig, Config, Hours

HEAD = """\
# Configuration of a Fablab. Every key is here with its default; what is left out has it too.
# FABLAB_SECTION__KEY in the environment overrides one key, such as FABLAB_WEB__PORT=8001.
# Paths are relative to the folder of this file. Times of day are of the lab's time zone.
"""
_NOT_SHOWN = {"base_dir"}
_BOUNDS = {"ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}
_OPTIONAL = {
    "lat": "47.29",
    "lon": "3.81",
    "ca_file": '"ca.crt"',
    "max_minutes_per_day": "240",
    "max_minutes_per_week": "720",
    "max_future_count": "5",
    "max_future_minutes": "1200",
    "no_show_limit": "3",
}
_PASSWORD = '"var/password"'


def example() -> str:
    """The whole file, as TOML that `load_config` takes and finds nothing but defaults in."""
    parts = [HEAD]
    for name, field in Config.model_fields.items():
        if name not in _NOT_SHOWN and not _is_section(field):
            parts.append("\n".join(_key(name, field, field.default)) + "\n")
    defaults = Config.model_construct()
    for name, field in Config.model_fields.items():
        if _is_section(field):
            parts.append(_section(name, getattr(defaults, name)))
    return "\n".join(parts)


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _section(name: str, section: BaseModel) -> str:
    model = type(section)
    lines, tables = [f"# {(model.__doc__ or '').strip()}", f"[{name}]"], []
    for key, field in model.model_fields.items():
        value = getattr(section, key)
        if isinstance(value, dict):
            tables += ["", f"# {field.description}", f"[{name}.{key}]"]
            tables += [f"{inner} = {_toml(each)}" for inner, each in value.items()]
        elif key == "brokers":
            tables += ["", f"# {field.description}", f"# [[{name}.{key}]]", *_commented_broker()]
        else:
            lines += _key(key, field, value)
    return "\n".join([*lines, *tables]) + "\n"


def _commented_broker() -> list[str]:
    samples = {"name": "printer-1", "host": "printer-1.lan"}
    return [
        f"# {key} = {_toml(samples.get(key, one.default))}  # {one.description}"
        for key, one in BrokerConfig.model_fields.items()
        if key in samples or one.default is not None
    ]


def _key(key: str, field: FieldInfo, value: Any) -> list[str]:
    help_ = f"# {field.description}{_bounds(field)}"
    if value is None:
        return [help_, f"# {key} = {_OPTIONAL.get(key, _PASSWORD)}"]
    return [help_, f"{key} = {_toml(value)}"]


def _bounds(field: FieldInfo) -> str:
    found = [
        f"{words} {getattr(one, bound)}"
        for one in field.metadata
        for bound, words in _BOUNDS.items()
        if getattr(one, bound, None) is not None
    ]
    return f" ({', '.join(found)})" if found else ""


def _toml(value: Any) -> str:
    if isinstance(value, Hours):
        closes = value.closes.strftime("%H:%M")
        return json.dumps(f"{value.opens:%H:%M}-{'24:00' if closes == '00:00' else closes}")
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
