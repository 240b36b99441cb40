"""Tests that the public names are complete, and typed for those who check their types."""

import ast
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import estimator_ckpt

_INIT = pathlib.Path(estimator_ckpt.__file__)
_SUBMODULES = {'bundle', 'flags'}


def _imports_for_type_checkers() -> dict[str, str]:
    """Returns the module of each name that `__init__.py` imports under `if typing.TYPE_CHECKING:`."""
    (block,) = [
        node
        for node in ast.parse(_INIT.read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == 'typing.TYPE_CHECKING'
    ]
    # `import x as x` is the form that type checkers take for a re-export.
    return {
        alias.asname: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
        if alias.asname == alias.name
    }


def test_type_checkers_and_programs_find_the_same_names_in_the_same_modules():
    exports = {name: f'estimator_ckpt.{module}' for name, module in estimator_ckpt._EXPORTS.items()}
    assert _imports_for_type_checkers() == exports | dict.fromkeys(_SUBMODULES, 'estimator_ckpt')


def test_dir_lists_the_public_names_and_modules():
    assert set(dir(estimator_ckpt)) == {*estimator_ckpt.__all__, *_SUBMODULES}


def test_a_public_module_needs_no_import_of_its_own():
    program = 'import estimator_ckpt; print(estimator_ckpt.bundle.__name__, estimator_ckpt.flags.__name__)'
    result = subprocess.run(
        [sys.executable, '-c', program], cwd=_INIT.parents[1], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ['estimator_ckpt.bundle', 'estimator_ckpt.flags']


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'estimator_ckpt' has no attribute 'convret'"):
        estimator_ckpt.convret  # noqa: B018


def test_the_package_says_that_it_is_typed():
    assert (_INIT.parent / 'py.typed').exists()


def _mypy(program: str, folder: pathlib.Path) -> list[str]:
    """Returns what mypy says about a program that uses this package.

    Args:
      program: Source text, for instance with calls of `reveal_type`.
      folder: Folder for the program and for mypy's cache.

    Returns:
      The messages about the program itself, in the order of its lines.
    """
    file = folder / 'user.py'
    file.write_text(program)
    command = [sys.executable, '-m', 'mypy', f'--cache-dir={folder}', '--no-pretty', str(file)]
    result = subprocess.run(command, cwd=_INIT.parents[1], capture_output=True, text=True)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    return [line for line in result.stdout.splitlines() if f'/{file.name}:' in line]


def test_mypy_sees_the_signature_of_every_public_name(tmp_path):
    pytest.importorskip('mypy', reason='mypy is in the extra [lint]')
    names = estimator_ckpt.__all__
    program = '\n'.join(['import estimator_ckpt', *(f'reveal_type(estimator_ckpt.{name})' for name in names)])
    revealed = [re.search('Revealed type is "(.*)"$', line)[1] for line in _mypy(program, tmp_path)]
    types = dict(zip(names, revealed, strict=True))

    assert not [name for name in names if types[name] == 'Any']
    for name in inspect.signature(estimator_ckpt.convert).parameters:
        assert f'{name}: ' in types['convert']


def test_mypy_finds_a_name_that_is_not_public(tmp_path):
    pytest.importorskip('mypy', reason='mypy is in the extra [lint]')
    (message,) = _mypy('import estimator_ckpt\nestimator_ckpt.convret', tmp_path)
    assert 'Module has no attribute "convret"' in message
