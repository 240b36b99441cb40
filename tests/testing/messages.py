"""Collects the messages of errors and warnings from the source of the package, as templates.

What is filled in when the message is made is `…` in a template. A message that a function or a variable gives is
followed as far as it consists of literal text.
"""

import ast
import dataclasses
import functools
import itertools
import pathlib
import re
from collections.abc import Iterable, Iterator

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / 'estimator_ckpt'

_GAP = '…'
# What Python itself says in these cases, and what only shows that this package is wrong.
_NOT_FOR_USERS = ('AssertionError', 'AttributeError', 'IndexError', 'NotImplementedError', 'StopIteration')
_LOG_LEVELS = ('warning', 'error')
# More alternatives of a message than this are one gap.
_MOST_ALTERNATIVES = 6
_CURE_WORDS = (
    'add|average|build|call|cast|check|choose|close|convert|copy|correct|did you mean|drop|expected|give|in eager mode'
    '|install|leave|let|make|move|name|omit|pass|pip install|place|put|raise|remove|rename|restore|run|save|select|set'
    '|stop|to go on|to write|use|wrap|write'
)
_CURE = re.compile(rf'(?:; |: |\. )(?=(?:{_CURE_WORDS})\b)', re.IGNORECASE)
# A message that lists what is allowed says all that there is to be said.
_ALLOWED = re.compile(r' must (?:be|name|not have) .*, not …')
_VALUES = 'Give what it says must be there.'
_FILLED_IN = re.compile(r'%[sdr]|\{\}|\{!r\}')


@dataclasses.dataclass(frozen=True, order=True)
class Message:
    """A message, or the reason in one.

    Attributes:
      module: The module that makes it, relative to the package, such as `bundle/reader.py`.
      kind: The class of the error; `'warning'` for a log message or a warning of a report.
      text: The template.
      is_reason: Whether it is a clause that another message has after a colon.
    """

    module: str
    kind: str
    text: str
    is_reason: bool

    @property
    def fault(self) -> str:
        """What the message says has happened: all of it but its cure."""
        fault = _CURE.split(self.text, maxsplit=1)[0].rstrip(' .,')
        return fault if _has_words(fault) else self.text.rstrip('.')

    @property
    def cure(self) -> str:
        """What the message itself says is to be done, as a sentence; empty if it does not say this."""
        cure = _CURE.split(self.text, maxsplit=1)[1:]
        if not cure:
            return _VALUES if _ALLOWED.search(self.text) else ''
        text = cure[0].rstrip('.?')
        if text.startswith('did you mean'):
            return 'Give the name that it proposes.'
        if text.startswith('expected'):
            text = _request(text.removeprefix('expected ').removesuffix(f', got {_GAP}'))
        return f'{text if text.startswith("pip install") else text[:1].upper() + text[1:]}.'


def _request(expected: str) -> str:
    """Returns what a message says it expected as a request."""
    named = {
        _GAP: 'what it names',
        f'one of {_GAP}': 'one of those that it names',
        f'some of {_GAP}': 'some of those that it names',
    }
    return f'give {named.get(expected, expected)}'


def collect() -> list[Message]:
    """Returns all messages of the package, sorted by modules."""
    modules = {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text())
        for path in sorted(PACKAGE.rglob('*.py'))
    }
    functions: dict[str, list[ast.FunctionDef]] = {}
    bases: dict[str, list[str]] = {}
    for tree in modules.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                functions.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ClassDef):
                bases[node.name] = [_last_name(base) for base in node.bases]
    errors = _errors(bases, modules.values())
    messages = set()
    for module, tree in modules.items():
        collector = _Collector(module, functions, errors)
        collector.visit(tree)
        messages |= collector.messages
    return sorted(messages)


def _errors(bases: dict[str, list[str]], trees: Iterable[ast.AST]) -> dict[str, str]:
    """Returns the classes of errors that the package makes, with the public classes that users know them by."""
    names = {_last_name(node.func) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)}
    result = {}
    for name in names - {*_NOT_FOR_USERS, 'OSError'}:
        candidates = bases.get(name, []) if name.startswith('_') else [name]
        public = next((base for base in candidates if base.endswith('Error') and base[0] != '_'), None)
        if public is not None:
            result[name] = public
    return result


def _has_words(text: str) -> bool:
    return len(re.findall(r'[A-Za-z]{2,}', text)) > 1


def _last_name(node: ast.expr) -> str:
    """Returns the last part of a dotted name; empty for another expression."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ''


class _Collector(ast.NodeVisitor):
    """Collects the messages of a module."""

    def __init__(self, module: str, functions: dict[str, list[ast.FunctionDef]], errors: dict[str, str]):
        self.messages: set[Message] = set()
        self._module, self._functions, self._errors = module, functions, errors
        self._scopes: list[ast.FunctionDef] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._scopes.append(node)
        if node.name.endswith('warnings') and node.body:
            returned = [child.value for child in ast.walk(node) if isinstance(child, (ast.Return, ast.Yield))]
            self._add('warning', [value for value in returned if value is not None])
        self.generic_visit(node)
        self._scopes.pop()

    def visit_Call(self, node: ast.Call) -> None:
        name = _last_name(node.func)
        if name in self._errors:
            self._add(self._errors[name], node.args[:1])
        elif self._returns_error(node.func):
            self._add(self._returns_error(node.func), node.args, is_reason=True)
        elif name in _LOG_LEVELS or (name == 'append' and 'warnings' in ast.unparse(node.func)):
            self._add('warning', node.args[:1])
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        # A class in a variable, or `type(error)(...)`: another message for the same error.
        if isinstance(node.exc, ast.Call):
            name = _last_name(node.exc.func)
            is_class = name.lstrip('_')[:1].isupper()
            if not is_class and not self._returns_error(node.exc.func):
                self._add('CheckpointError', node.exc.args[:1])
        self.generic_visit(node)

    def _returns_error(self, function: ast.expr) -> str:
        """Returns the class of the error that a function of the package returns; empty if it returns something else."""
        for definition in self._functions.get(_last_name(function), ()):
            annotation = ast.unparse(definition.returns) if definition.returns else ''
            if annotation.endswith('Error'):
                return annotation.rpartition('.')[2]
        return ''

    def _add(self, kind: str, arguments: Iterable[ast.expr], is_reason: bool = False) -> None:
        for argument in arguments:
            for text in _Templates(self._functions).of(argument, tuple(self._scopes)):
                text = re.sub(
                    f'{_GAP}(?:[ .]?{_GAP})+', _GAP, re.sub(r'\s+', ' ', _FILLED_IN.sub(_GAP, text))
                ).strip()
                if _has_words(text):  # Names, numbers and the like say nothing alone.
                    is_whole = kind in ('UsageError', 'warning') or text.endswith(('.', '?'))
                    is_whole = is_whole or (text[0].isupper() and kind != 'ValueError')
                    if is_whole or kind != 'TypeError':  # Those of lazy arrays are NumPy's.
                        self.messages.add(Message(self._module, kind, text, is_reason or not is_whole))


class _Templates:
    """The templates that an expression can give."""

    def __init__(self, functions: dict[str, list[ast.FunctionDef]]):
        self._functions = functions
        self._followed: list[str] = []

    def of(self, node: ast.expr, scopes: tuple[ast.FunctionDef, ...]) -> list[str]:
        """Returns the alternatives for an expression; a gap for what is not literal text.

        Args:
          node: The expression.
          scopes: The functions around it, the innermost last.
        """
        alternatives = functools.partial(self.of, scopes=scopes)
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=values):
                return self._joined([alternatives(value) for value in values])
            case ast.FormattedValue(value=value, conversion=conversion):
                texts = alternatives(value) if conversion == -1 else [_GAP]
                return texts if all(' ' in text for text in texts) else [_GAP]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._joined([alternatives(left), alternatives(right)])
            case ast.BinOp(left=left, op=ast.Mod()):
                return alternatives(left)
            case ast.IfExp(body=body, orelse=orelse):
                return [*alternatives(body), *alternatives(orelse)]
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [text for element in elements for text in alternatives(element)]
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                return alternatives(element)
            case ast.Starred():
                return [_GAP]
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str(separator)), attr='join'), args=[items]
            ):
                if isinstance(items, ast.List):
                    return self._joined(
                        [part for item in items.elts for part in ([separator], alternatives(item))][1:]
                    )
                return alternatives(items)
            case ast.Name(id=name):
                return self._variable(name, scopes) or [_GAP]
            case ast.Call(func=function):
                return self._returned(_last_name(function)) or [_GAP]
        return [_GAP]

    def _joined(self, parts: list[list[str]]) -> list[str]:
        if any(len(part) > _MOST_ALTERNATIVES for part in parts):
            parts = [part if len(part) <= _MOST_ALTERNATIVES else [_GAP] for part in parts]
        return [''.join(texts) for texts in itertools.product(*parts)]

    def _variable(self, name: str, scopes: tuple[ast.FunctionDef, ...]) -> list[str]:
        """Returns what a variable is assigned in the functions around an expression."""
        if not scopes or name in self._followed:
            return []
        values = [value for target, value in _assignments(scopes[-1]) if _last_name(target) == name]
        self._followed.append(name)
        texts = [text for value in values for text in self.of(value, scopes)]
        self._followed.pop()
        return list(dict.fromkeys(texts))

    def _returned(self, name: str) -> list[str]:
        """Returns what the function of a name returns, if the package has just one."""
        definitions = self._functions.get(name, [])
        if len(definitions) != 1 or name in self._followed:
            return []
        (definition,) = definitions
        if definition.returns is None or ast.unparse(definition.returns) != 'str':
            return []
        self._followed.append(name)
        texts = [text for value in _results(definition) for text in self.of(value, (definition,))]
        self._followed.pop()
        return list(dict.fromkeys(texts))


def _assignments(function: ast.FunctionDef) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yields what is assigned or appended to what in a function."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[target], value=value) | ast.AugAssign(target=target, value=value):
                yield target, value
            case ast.Call(func=ast.Attribute(value=target, attr='append'), args=[value]):
                yield target, value


def _results(function: ast.FunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value
