"""Checks that BUILD is what the imports of the modules, tests and examples make it; `--fix` writes it.

One py_library per module of the package, one py_test per test file and one py_binary per example that can be run; the
helpers of tests and examples are srcs of those that import them. The deps are what is imported of the package, at
module level or later; names of modules in strings count where they stand for an import: in calls of `import_module`,
in the tables of a package's `__init__`, and in the command lines and programs that a test starts.
"""

import ast
import contextlib
import dataclasses
import difflib
import functools
import itertools
import pathlib
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = 'estimator_ckpt'
RUNNER = 'tests/run_pytest.py'
# Where the name of a distribution is not that of its import.
DISTRIBUTIONS = {
    'absl': 'absl-py',
    'google.protobuf': 'protobuf',
    'google_crc32c': 'google-crc32c',
    'sklearn': 'scikit-learn',
    'tensorflow_estimator': 'tensorflow-estimator',
}

HEADER = """\
# Written by `python .ci/build_check.py --fix`, which takes the deps from the imports.
# The packages that pip installs are noted per target as `# pip: NAME`; setup.cfg and setup.py have their versions.

load("@rules_python//python:defs.bzl", "py_binary", "py_library", "py_test")

package(default_visibility = ["//visibility:public"])

licenses(["notice"])

exports_files(["LICENSE"])

# The tests' settings, and the files beside the tests.
TEST_DATA = ["setup.cfg"] + glob(
    ["examples/**", "tests/**"],
    allow_empty = True,
    exclude = [
        "**/*.py",
        "**/__pycache__/**",
    ],
)
"""


def python_files(folder: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob('*.py'))


def dotted(path: str) -> str:
    """The name that a file is imported by."""
    return path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')


def label(path: str) -> str:
    """The name of a file's target: its path, without the package's folder."""
    return dotted(path).replace('.', '/').removeprefix(f'{PACKAGE}/')


MODULES = {dotted(path): path for path in python_files(PACKAGE)}
TESTS = [path for path in python_files('tests') if path.endswith('_test.py')]
HELPERS = {dotted(path): path for path in python_files('tests') if path not in TESTS and path != RUNNER}
EXAMPLES = {dotted(path): path for path in python_files('examples')}
OWN = MODULES | HELPERS | EXAMPLES


@dataclasses.dataclass
class Imports:
    """What one file imports: files of ours by path, the rest by name; and the strings in it."""

    own: set[str] = dataclasses.field(default_factory=set)
    others: set[str] = dataclasses.field(default_factory=set)
    strings: set[str] = dataclasses.field(default_factory=set)
    slow: bool = False
    can_be_run: bool = False


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes from one on, without docstrings."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield from _walk(child)


def _imported_names(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parts = package.split('.')
        base = [*parts[: len(parts) - node.level + 1], node.module] if node.level else [node.module]
        return ['.'.join(filter(None, [*base, alias.name])) for alias in node.names]
    return []


def _programs(tree: ast.AST) -> Iterator[ast.AST]:
    """The Python programs in the strings of a test, which it runs in a process of their own."""
    for node in _walk(tree):
        if isinstance(node, ast.Constant) and 'import ' in str(node.value):
            with contextlib.suppress(SyntaxError):
                yield ast.parse(textwrap.dedent(node.value))


def _computed(node: ast.AST) -> set[str]:
    """The modules that `import_module(f'estimator_ckpt.tools.{name}_command')` may mean."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith('import_module') and node.args):
        return set()
    parts = node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
    pattern = ''.join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else r'\w+' for p in parts)
    # A name without the package at its start is in a table: that of an `__init__`.
    if not pattern.startswith(PACKAGE):
        return set()
    return {path for name, path in MODULES.items() if re.fullmatch(pattern, name)}


def _own(name: str) -> str | None:
    """The file of ours that a dotted name is in."""
    while name and name not in OWN:
        name = name.rpartition('.')[0]
    return OWN.get(name)


@functools.cache
def imports(path: str) -> Imports:
    found = Imports()
    is_package = path.endswith('/__init__.py')
    package = dotted(path) if is_package else dotted(path).rpartition('.')[0]
    trees = [ast.parse((ROOT / path).read_text(encoding='utf-8'))]
    if path not in MODULES.values():
        trees += _programs(trees[0])
    for node in itertools.chain(*map(_walk, trees)):
        for name in _imported_names(node, package):
            # Examples are run from their folder, and tests put that on the path.
            if own := _own(name) or (_own(f'examples.{name}') if path not in MODULES.values() else None):
                found.own.add(own)
            elif name.split('.')[0] not in sys.stdlib_module_names | {PACKAGE, 'tests', 'examples'}:
                found.others.add(name)
        found.own |= _computed(node)
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE and path not in MODULES.values():
            # What stands here for a user means the package's public name, be there a module of that name or not.
            found.own.add(MODULES[PACKAGE])
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.strings.add(node.value)
            if node.value in HELPERS:  # What `python -m` runs.
                found.own.add(HELPERS[node.value])
        if isinstance(node, ast.Attribute) and ast.unparse(node) == 'pytest.mark.slow':
            found.slow = True
        if isinstance(node, ast.Compare) and ast.unparse(node) == "__name__ == '__main__'":
            found.can_be_run = True
    if is_package:
        found.own |= {MODULES.get(f'{package}.{string}') for string in found.strings} - {None}
    found.own.discard(path)
    return found


BINARIES = [path for path in EXAMPLES.values() if imports(path).can_be_run]


def with_helpers(path: str) -> set[str]:
    """A test or an example, the conftests that pytest loads for it, and the helpers that all these import."""
    helpers = set(EXAMPLES.values())
    if path in TESTS:
        helpers = helpers - set(BINARIES) | set(HELPERS.values())
    conftests = {f'{folder}/conftest.py' for folder in pathlib.PurePath(path).parents}
    seen, left = set(), [path, *conftests & helpers]
    while left:
        if (file := left.pop()) not in seen:
            seen.add(file)
            left += imports(file).own & helpers
    return seen


def named_in(strings: set[str]) -> set[str]:
    """The modules that are named in a test's strings: command lines, and programs that are put together."""
    named = set()
    for name in re.findall(rf'\b{PACKAGE}(?:\.\w+)*', '\n'.join(strings)):
        named |= {_own(name), MODULES.get(f'{name}.__main__')}
    return named - {None}


def distribution(name: str) -> str:
    """What pip installs for an import."""
    for known, its_distribution in DISTRIBUTIONS.items():
        if f'{name}.'.startswith(f'{known}.'):
            return its_distribution
    return name.split('.')[0].replace('_', '-')


def listed(name: str, values: list[str], comments: Sequence[str] = (), before: str = '') -> list[str]:
    """The lines of an attribute that is a list; none for an empty one."""
    if len(values) == 1 and not comments:
        return [f'    {name} = {before}["{values[0]}"],']
    lines = [f'        "{value}",' for value in values] + [f'        # {comment}' for comment in comments]
    return [f'    {name} = {before}[', *lines, '    ],'] if lines else []


def deps(own: set[str], others: set[str]) -> list[str]:
    pip = sorted({f'pip: {distribution(name)}' for name in others})
    return listed('deps', sorted(f':{label(path)}' for path in own), pip)


def target(rule: str, path: str, *attributes: list[str]) -> str:
    lines = [f'{rule}(', f'    name = "{label(path)}",', *itertools.chain(*attributes), ')', '']
    return '\n'.join(lines)


def library(path: str) -> str:
    found = imports(path)
    return target('py_library', path, listed('srcs', [path]), deps(found.own, found.others))


def binary(path: str) -> str:
    srcs = with_helpers(path)
    found = [imports(file) for file in srcs]
    return target(
        'py_binary',
        path,
        listed('srcs', sorted(srcs)),
        ['    imports = ["examples"],'],
        [f'    main = "{path}",'] if len(srcs) > 1 else [],
        deps(set().union(*(f.own for f in found)) - srcs, set().union(*(f.others for f in found))),
    )


def test(path: str) -> str:
    srcs = with_helpers(path)
    found = [imports(file) for file in srcs]
    strings = set().union(*(f.strings for f in found))
    own = set().union(*(f.own for f in found), named_in(strings)) - srcs
    others = set().union(*(f.others for f in found))
    # A test that names a file at the top, or the folder of the examples, reads or runs it.
    data = strings & {file.name for file in ROOT.iterdir() if file.is_file()} - {'setup.cfg'}
    if 'README.md' in data:
        own.add(MODULES[PACKAGE])
    if any(string.split('/')[0] == 'examples' for string in strings):
        data |= {f':{label(file)}' for file in BINARIES}
    slow = any(f.slow for f in found)
    return target(
        'py_test',
        path,
        ['    size = "large",'] if slow else [],
        listed('srcs', sorted(srcs | {RUNNER})),
        listed('args', [path]),
        listed('data', sorted(data), before='TEST_DATA + ') or ['    data = TEST_DATA,'],
        [f'    main = "{RUNNER}",'],
        ['    tags = ["slow"],'] if slow else [],
        deps(own, others | {'pytest'}),
    )


def build() -> str:
    targets = [library(path) for path in sorted(MODULES.values(), key=label)]
    targets += [binary(path) for path in BINARIES]
    targets += [test(path) for path in TESTS]
    return '\n'.join([HEADER, *targets])


def main() -> int:
    file = ROOT / 'BUILD'
    expected = build()
    if sys.argv[1:] == ['--fix']:
        file.write_text(expected, encoding='utf-8')
        return 0
    if sys.argv[1:]:
        print('usage: python .ci/build_check.py [--fix]', file=sys.stderr)
        return 2
    present = file.read_text(encoding='utf-8') if file.exists() else ''
    if present == expected:
        return 0
    lines = difflib.unified_diff(
        present.splitlines(), expected.splitlines(), 'BUILD', 'from the imports', lineterm=''
    )
    print(
        *lines,
        'BUILD does not match the imports: run python .ci/build_check.py --fix',
        sep='\n',
        file=sys.stderr,
    )
    return 1


if __name__ == '__main__':
    sys.exit(main())
