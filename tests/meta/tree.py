"""The source tree as the tests about it see it: files that are (or will be) tracked, modules and what they import."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {"package-lock.json"}


def files(*patterns: str) -> list[Path]:
    """Every file that git tracks or would add, sorted; `patterns` are git's («*.py», «docs/*»)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = sorted({name for name in listing.split("\0") if name})
    return [ROOT / name for name in names if (ROOT / name).is_file()]


@dataclass(frozen=True)
class Import:
    """One imported name: `module` is what the line names, `line` where it stands, `inside` a function or not."""

    module: str
    line: int
    inside: bool


@dataclass(frozen=True)
class Module:
    """A source file under its dotted name."""

    name: str
    path: Path
    imports: tuple[Import, ...]

    @property
    def leaf(self) -> str:
        """Last part of the name: `service` of `fablab.people.service`."""
        return self.name.rpartition(".")[2]

    @property
    def package(self) -> str:
        """The package below `fablab`, or the top-level package."""
        parts = self.name.split(".")
        return parts[1] if parts[0] == "fablab" and len(parts) > 1 else parts[0]


def modules(*packages: str) -> Iterator[Module]:
    """Every module of the packages with what it imports, as full dotted names (no relative imports are used here)."""
    for path in files(*[f"{package}/**.py" for package in packages], *[f"{package}/*.py" for package in packages]):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        yield Module(name, path, tuple(_imports(tree, inside=False)))


def _imports(node: ast.AST, *, inside: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = "." * child.level + (child.module or "")
            yield from (Import(f"{base}.{alias.name}", child.lineno, inside) for alias in child.names)
        else:
            deeper = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _imports(child, inside=deeper)
