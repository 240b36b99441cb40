"""Tests that BUILD says of packages and tests what their files say."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ast.parse((ROOT / 'BUILD').read_text())  # Starlark's syntax is Python's.
PACKAGES = sorted(file.parent.name for file in ROOT.glob('estimator_ckpt/*/__init__.py'))


def arguments(call: ast.Call) -> dict[str, ast.expr]:
    """Returns the named arguments of a call."""
    return {keyword.arg: keyword.value for keyword in call.keywords}


LIBRARIES = {
    ast.literal_eval(arguments(node.value)['name']): arguments(node.value)
    for node in BUILD.body
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.func.id == 'py_library'
}


def imported_modules(file: pathlib.Path) -> set[str]:
    """Returns the names of the modules that a file imports, and of what it imports from them."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {str(node.module)} | {f'{node.module}.{alias.name}' for alias in node.names}
    return modules


def imported_packages(package: str) -> set[str]:
    """Returns the other packages that the files of a package import, at module level or later."""
    files = (ROOT / 'estimator_ckpt' / package).glob('*.py')
    modules = {module for file in files for module in imported_modules(file)}
    imported = {module.split('.')[1] for module in modules if module.startswith('estimator_ckpt.')}
    return imported & set(PACKAGES) - {package}


@pytest.mark.parametrize('package', PACKAGES)
def test_the_deps_of_a_package_are_the_packages_that_it_imports(package):
    deps = LIBRARIES[package].get('deps')
    labels = ast.literal_eval(deps) if deps else []
    assert labels == sorted(labels)
    assert {label.removeprefix(':') for label in labels} == imported_packages(package)


def test_the_files_with_slow_tests_are_those_that_bazel_leaves_to_pytest():
    (slow,) = [
        ast.literal_eval(node.value)
        for node in BUILD.body
        if isinstance(node, ast.Assign) and node.targets[0].id == 'SLOW'
    ]
    marked = {
        file.relative_to(ROOT).as_posix()
        for file in ROOT.glob('tests/**/*_test.py')
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == 'pytest.mark.slow'
    }
    assert slow == sorted(marked)


def test_no_file_imports_a_test_for_bazel_gives_tests_the_helpers_only():
    files = {'.'.join(f.relative_to(ROOT).with_suffix('').parts): f for f in ROOT.glob('tests/**/*.py')}
    imported = {name: imported_modules(file) & set(files) for name, file in files.items()}
    assert any(imported.values())
    assert not [
        (name, module) for name, modules in imported.items() for module in modules if module.endswith('_test')
    ]
