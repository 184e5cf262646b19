"""Who may import whom. The picture that these tests hold is in docs/developers.md."""

import sys

import pytest

from tests.meta.tree import ROOT, Import, Module, modules

ROWS = {
    "core": 0,
    "web": 1,
    "people": 2,
    "resources": 2,
    "notices": 3,
    "certifications": 4,
    "devices": 4,
    "reservations": 5,
    "quizzes": 5,
    "credentials": 5,
    "training": 6,
    "usage": 6,
    "interlock": 7,
    "maintenance": 7,
    "operations": 8,
    "pages": 8,
    "reports": 8,
    "privacy": 8,
    "demo": 9,
}
COMPOSITION = {"app", "cli", "jobs", "models", "migrations", "run"}
"""What puts the packages together, outside the rows: may import them all; only the composition is told of it."""

BRIDGE_MAY_CALL = {"core", "devices", "usage", "interlock"}
PURE_CORE = ("fablab.core.denials", "fablab.core.actor", "fablab.core.db.Texts")
"""Values without behaviour that rules may know; `Texts` is the type of a name in several languages."""

EDGES = ("routes", "api", "cli")
"""The modules that know of requests: pages, REST, commands (also split: routes_people, api_grants)."""

ALL = list(modules("fablab", "firmware_bridge"))
BY_NAME = {module.name: module for module in ALL}


def is_edge(module: Module) -> bool:
    return module.leaf.split("_")[0] in EDGES


def target(line: Import) -> tuple[str, str]:
    """Top-level name and package of what is imported: («fablab», «people»), («firmware_bridge», "")."""
    parts = line.module.split(".")
    return parts[0], parts[1] if parts[0] == "fablab" and len(parts) > 1 else ""


def offences(module: Module) -> list[str]:
    """What this module imports and may not."""
    return [f"line {line.line}: {line.module}" for line in module.imports if not may(module, line)]


def may(module: Module, line: Import) -> bool:
    top, package = target(line)
    if top == "firmware_bridge":
        return module.name.startswith("firmware_bridge") or module.name == "fablab.cli" or module.package == "run"
    if top != "fablab" or package == "":
        return True
    if module.name.startswith("firmware_bridge"):
        return package in BRIDGE_MAY_CALL
    if module.name == "fablab.__main__":
        return package == "cli"
    if module.name == "fablab.cli" or module.package in COMPOSITION:
        return package != "cli"
    if package in COMPOSITION:
        return False
    return package == module.package or ROWS[package] < ROWS[module.package]


@pytest.mark.parametrize("module", ALL, ids=lambda module: module.name)
def test_imports_go_downwards_only(module: Module) -> None:
    assert not offences(module)


@pytest.mark.parametrize("module", ALL, ids=lambda module: module.name)
def test_imports_stand_at_the_top_and_are_absolute(module: Module) -> None:
    ours = [line for line in module.imports if line.module.startswith(("fablab", "firmware_bridge"))]
    late = [f"line {line.line}: {line.module}" for line in ours if line.inside]
    assert module.leaf == "cli" or not late, "only commands import late, to start fast"
    assert not [line for line in module.imports if line.module.startswith(".")]


@pytest.mark.parametrize(
    "module",
    [m for m in ALL if m.package in ROWS and m.package not in {"core", "web", "pages"} and not is_edge(m)],
    ids=lambda module: module.name,
)
def test_only_the_edges_know_of_requests(module: Module) -> None:
    flask = [line.module for line in module.imports if line.module.split(".")[0] in {"flask", "apiflask"}]
    web = [line.module for line in module.imports if line.module.startswith("fablab.web") and module.leaf != "models"]
    assert not flask + web


@pytest.mark.parametrize(
    "module", [m for m in ALL if is_edge(m) and ROWS.get(m.package, 0) > ROWS["web"]], ids=lambda module: module.name
)
def test_the_edges_leave_the_database_to_their_service(module: Module) -> None:
    assert not [line.module for line in module.imports if line.module.startswith(("fablab.core.db", "sqlalchemy"))]


def impurities(name: str, seen: frozenset[str] = frozenset()) -> list[str]:
    """What a module, or anything of ours that it imports, takes from outside the standard library and PURE_CORE."""
    found = []
    for line in BY_NAME[name].imports:
        source = next((part for part in (line.module, line.module.rpartition(".")[0]) if part in BY_NAME), None)
        if line.module.startswith(PURE_CORE) or source in seen or line.module.split(".")[0] in sys.stdlib_module_names:
            continue
        found += [f"{name}: {line.module}"] if source is None else impurities(source, seen | {name, source})
    return found


PURE = ("limits", "overriding", "policy", "search", "wishes")
"""What decides about bookings beside their `rules`."""


def is_pure(module: Module) -> bool:
    return module.leaf == "rules" or (module.package == "reservations" and module.leaf in PURE)


@pytest.mark.parametrize("module", [m for m in ALL if is_pure(m)], ids=lambda module: module.name)
def test_rules_are_pure(module: Module) -> None:
    assert not impurities(module.name)


@pytest.mark.parametrize(
    "module", [m for m in ALL if m.name.startswith("firmware_bridge.decoders.")], ids=lambda module: module.name
)
def test_decoders_know_the_readings_and_nothing_else(module: Module) -> None:
    for line in module.imports:
        known = line.module.startswith(("fablab.devices.readings", "firmware_bridge.decoders"))
        assert known or line.module.split(".")[0] in sys.stdlib_module_names, line


def test_every_package_has_its_row() -> None:
    folders = {path.parent.name for path in (ROOT / "fablab").glob("*/__init__.py")}
    assert folders - set(ROWS) - COMPOSITION == set()
