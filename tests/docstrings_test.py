"""Tests that the documentation strings of all public callables name what these take and raise."""

import ast
import collections
import dataclasses
import functools
import pathlib
import re
from collections.abc import Iterator

import pytest

import estimator_ckpt

PACKAGE = pathlib.Path(estimator_ckpt.__file__).parent
# Packages whose documentation strings have yet to be revised. A package leaves the list with its last fault.
TO_BE_REVISED: set[str] = set()
_SECTION = re.compile(r'^(Args|Attributes|Example|Raises|Returns|Yields):$', re.M)
_ENTRY = re.compile(r'^  (\*{0,2}\w+): ', re.M)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclasses.dataclass(frozen=True)
class Documented:
    """A public module, class, function or method.

    Attributes:
      package: The package that it is in; empty at the top level.
      name: Its qualified name, with the module's file.
      node: Its syntax tree.
      owner: The class of a method.
    """

    package: str
    name: str
    node: ast.Module | ast.ClassDef | Function
    owner: ast.ClassDef | None = None

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.node) or ''


def is_public(name: str) -> bool:
    return not name.startswith('_')


def members(parent: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    """Yields the classes and functions of a module or class, also those that are defined under conditions."""
    for node in parent.body:
        is_conditional = isinstance(node, ast.If | ast.Try)
        branches = [*node.body, *node.orelse] if is_conditional else [node]
        yield from (branch for branch in branches if isinstance(branch, ast.ClassDef | Function))


@functools.cache
def documented() -> list[Documented]:
    """Returns everything public in the package."""
    result = []
    for file in sorted(PACKAGE.rglob('*.py')):
        path = file.relative_to(PACKAGE)
        package = path.parts[0] if len(path.parts) > 1 else ''
        module = ast.parse(file.read_text())
        result.append(Documented(package, path.as_posix(), module))
        for node in members(module):
            if not is_public(node.name):
                continue
            result.append(Documented(package, f'{path}: {node.name}', node))
            if isinstance(node, ast.ClassDef):
                for member in members(node):
                    if is_public(member.name) or member.name == '__init__':
                        name = f'{path}: {node.name}.{member.name}'
                        result.append(Documented(package, name, member, node))
    return result


@functools.cache
def methods() -> dict[str, set[str]]:
    """Returns the names of the documented methods of each class, and the names of its bases as `<base>`."""
    result = collections.defaultdict(set)
    for each in documented():
        if isinstance(each.node, ast.ClassDef):
            result[each.node.name] |= {f'<{ast.unparse(base)}>' for base in each.node.bases}
        elif each.owner is not None and each.docstring:
            result[each.owner.name].add(each.node.name)
    return result


def is_inherited(method: str, class_name: str) -> bool:
    """Returns True if a base class in this package documents a method.

    Args:
      method: The name of the method.
      class_name: The name of the class that overrides it.
    """
    bases = [base[1:-1] for base in methods().get(class_name, ()) if base.startswith('<')]
    return any(method in methods().get(base, ()) or is_inherited(method, base) for base in bases)


def sections(docstring: str) -> dict[str, str]:
    """Returns the text of each section, such as `Args`."""
    _, *parts = _SECTION.split(docstring)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def parameters(function: Function, is_method: bool) -> list[str]:
    """Returns the names of parameters as `Args` should have them, in their order and without `self`.

    Args:
      function: The function.
      is_method: Whether it is in a class.
    """
    arguments = function.args
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args]]
    is_static = any(ast.unparse(decorator) == 'staticmethod' for decorator in function.decorator_list)
    if is_method and not is_static:
        names = names[1:]
    names += [f'*{arguments.vararg.arg}'] if arguments.vararg else []
    names += [argument.arg for argument in arguments.kwonlyargs]
    return names + ([f'**{arguments.kwarg.arg}'] if arguments.kwarg else [])


def raises(function: Function) -> bool:
    """Returns True if a function has a `raise` of its own, other than one that passes on what it has caught."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Raise) and node.exc is not None:
            return True
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            pending += ast.iter_child_nodes(node)
    return False


def faults(each: Documented) -> Iterator[str]:
    """Yields what is wrong with the documentation string of a module, class or function."""
    node, docstring = each.node, each.docstring
    if not isinstance(node, Function):
        if len(docstring) < 10:
            yield 'has no documentation string'
        return
    names = parameters(node, each.owner is not None)
    if node.name == '__init__':
        if not docstring and len(names) < 2:
            return
        # The class may document what its initializer takes.
        docstring = docstring or ast.get_docstring(each.owner) or ''
    elif not docstring:
        if each.owner is None or not is_inherited(node.name, each.owner.name):
            yield 'has no documentation string'
        return
    has = sections(docstring)
    documented_names = _ENTRY.findall(has.get('Args', ''))
    if documented_names != names and (len(names) > 1 or 'Args' in has):
        yield f'takes ({", ".join(names)}), but Args has ({", ".join(documented_names)})'
    if raises(node) and 'Raises' not in has:
        yield 'raises an error, but has no Raises'


@functools.cache
def faults_by_package() -> dict[str, list[str]]:
    """Returns the faults of each package as sentences."""
    result = collections.defaultdict(list)
    for each in documented():
        result[each.package] += [f'{each.name} {fault}' for fault in faults(each)]
    return result


@pytest.mark.parametrize(
    'package', sorted({each.package for each in documented()}), ids=lambda name: name or 'top level'
)
def test_documentation_strings_name_all_parameters_and_say_what_is_raised(package):
    sentences = faults_by_package()[package]
    if package in TO_BE_REVISED:
        assert sentences, f'{package} has no fault: take it off the list TO_BE_REVISED'
    else:
        assert not sentences, '\n' + '\n'.join(sentences)


NO_ARGS = 'def f(a, b):\n  """Adds."""'
OTHER_ARGS = 'def f(a):\n  """Negates.\n\n  Args:\n    b: A number.\n  """'
FEW_ARGS = 'def f(a, *b, c, **d):\n  """Adds.\n\n  Args:\n    a: A number.\n  """'
ALL_ARGS = (
    'def f(a, b):\n  """Adds.\n\n  Args:\n    a: A number, as\n      in: text.\n    b: A number.\n\n'
    '  Returns:\n    c: The sum.\n  """'
)
NO_RAISES = 'def f():\n  """Fails."""\n  raise ValueError'
RAISES = 'def f():\n  """Fails.\n\n  Raises:\n    ValueError: Always.\n  """\n  raise ValueError'
INNER = 'def f():\n  """Returns a function."""\n  def g():\n    raise ValueError\n  return g'
PASSED_ON = 'def f():\n  """Tries."""\n  try:\n    g()\n  except ValueError:\n    raise'


@pytest.mark.parametrize(
    ('source', 'fault'),
    [
        ('def f(): pass', 'has no documentation string'),
        (NO_ARGS, 'takes (a, b), but Args has ()'),
        (OTHER_ARGS, 'takes (a), but Args has (b)'),
        (FEW_ARGS, 'takes (a, *b, c, **d), but Args has (a)'),
        (ALL_ARGS, None),
        (NO_RAISES, 'raises an error, but has no Raises'),
        (RAISES, None),
        (INNER, None),
        (PASSED_ON, None),
    ],
)
def test_a_fault_is_recognized(source, fault):
    (function,) = ast.parse(source).body
    assert list(faults(Documented('', 'f', function))) == ([fault] if fault else [])
