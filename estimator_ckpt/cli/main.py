"""Runs `estimator-ckpt`: finds the subcommand, parses its flags, prints its lines, and reports errors in a sentence.

Exit codes: 0 success, 1 a difference or a fault was found, 2 wrong usage or unreadable input.
"""

import atexit
import contextlib
import importlib
import io
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from estimator_ckpt.cli import terminal
from estimator_ckpt.cli.commands import COMMANDS, PROGRAM, common_flags
from estimator_ckpt.cli.usage import UsageError

_HELP = {'-h', '-help', '--help', '--helpfull', '--helpshort'}
FAILED = 2


class Interrupted(KeyboardInterrupt):
    """Raised if a signal tells the process to end."""


def run() -> None:
    """Runs the command line of this process and exits; the entry point of the console script."""
    try:
        _run()
    except SystemExit as end:
        _end(end.code if isinstance(end.code, int) else 0)
        raise


def _end(code: int) -> None:
    """Ends the process without taking Python's modules apart, which takes longer than most commands do.

    Returns if the ordinary end is needed, by profilers and debuggers, or by TensorFlow.
    """
    # The client of S3 in tensorflow_io aborts a process that ends in the ordinary way.
    by_tensorflow = 'tensorflow' in sys.modules and 'tensorflow_io' not in sys.modules
    if by_tensorflow or sys.getprofile() or sys.gettrace():
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        # What cannot be written has been reported, or its reader is gone.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _run() -> None:
    _open_standard_streams()
    for number in (signal.SIGINT, signal.SIGTERM):
        # A shell that starts a process in the background may ignore interrupts for it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
    try:
        # Not by `absl.app.run`, whose import takes as long as that of the command itself.
        sys.exit(main(sys.argv))
    except KeyboardInterrupt:
        sys.exit(_say_interrupted(PROGRAM))
    except Exception:
        # An error of this program; Python's own exit code 1 would mean that a difference was found.
        sys.excepthook(*sys.exc_info())
        sys.exit(FAILED)


def _open_standard_streams() -> None:
    """Opens the standard streams that the shell has closed (`>&-`), so that no other file gets their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Gets the lowest number that is free, which is this one.
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, 'w', closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, 'w', closefd=False)


def _interrupt(number: int, frame: object) -> None:
    # A second signal must not stop the removal of half-written files.
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    raise Interrupted


def main(argv: Sequence[str]) -> int:
    """Runs a command line.

    Args:
      argv: The name of the program, the subcommand, its flags and arguments.

    Returns:
      The exit code. Wrong usage and unreadable input are reported on standard error and do not raise an error.
    """
    terminal.is_quiet = False
    name = argv[1] if len(argv) > 1 else ''
    label = f'{PROGRAM} {name}' if name in COMMANDS else PROGRAM
    try:
        if name in _HELP or (name == 'help' and len(argv) == 2):
            return _print(0, _overview().split('\n'))
        if name == 'help':
            return main([argv[0], *argv[2:3], '--help', *argv[3:]])
        if name in ('--version', '-V'):
            from estimator_ckpt._metadata import __version__

            return _print(0, [f'{PROGRAM} {__version__}'])
        if name not in COMMANDS:
            return _say_usage(label, _unknown(name))
        command = importlib.import_module(f'estimator_ckpt.cli.{name}_command')
        return _print(*_run_command(command, label, argv[2:]))
    except UsageError as error:
        return _say_usage(label, str(error))
    except KeyboardInterrupt:
        return _say_interrupted(label)
    except Exception as error:
        message = _sentence(error)
        if message is None:
            raise
        return _say(label, message)


def _run_command(command: ModuleType, label: str, arguments: Sequence[str]) -> tuple[int, Iterable[str]]:
    from absl import flags

    values = flags.FlagValues()
    command.define_flags(values)
    common_flags(values)
    if _HELP.intersection(arguments[: arguments.index('--')] if '--' in arguments else arguments):
        return 0, _help(command, label, values).split('\n')
    try:
        _, *paths = values([label, *arguments])
    except flags.Error as error:
        raise UsageError(str(error).strip().rstrip('.')) from error
    surplus = len(paths) - len(command.ARGUMENTS)
    if surplus < 0 or (surplus and not command.ARGUMENTS[0].endswith('...')):
        expected = ' '.join(command.ARGUMENTS)
        raise UsageError(f'expected {expected}, got {" ".join(map(repr, paths)) or "nothing"}')
    if values.quiet and 'json' in values and values.json:
        raise UsageError('--quiet prints no result; omit --json')
    if 'all_rows' in values and values.all_rows is not None and values.json:
        raise UsageError('--json always shows all rows; omit --all_rows')
    terminal.is_quiet = values.quiet
    return command.run(paths, values)


def _unknown(name: str) -> str:
    if not name:
        return f'a subcommand is missing; expected one of {", ".join(COMMANDS)}'
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f'did you mean {near[0]}?' if near else f'expected one of {", ".join(COMMANDS)}'
    return f'unknown subcommand {name!r} ({hint})'


def _overview() -> str:
    commands = '\n'.join(f'  {name:10} {summary}' for name, summary in COMMANDS.items())
    return (
        'Inspects, compares, verifies and converts TensorFlow checkpoints in the name-based style of TF1 and the '
        f'object-based style of TF2.\n\nUsage: {PROGRAM} SUBCOMMAND [FLAGS] ARGUMENTS\n\n{commands}\n\n'
        'A checkpoint is named by its prefix, its directory, or one of its files.\n'
        f'`{PROGRAM} help SUBCOMMAND` shows the flags, `{PROGRAM} --version` the version.\n'
        'Exit codes: 0 success, 1 a difference or a fault was found, 2 wrong usage or unreadable input.'
    )


def _help(command: ModuleType, label: str, values: Any) -> str:
    # absl prints the name of the module above its flags.
    lines = values.get_help(include_special_flags=False).splitlines()
    described = '\n'.join(line for line in lines if line and line[0] == ' ')
    parts = [
        (command.__doc__ or '').strip(),
        f'Usage: {label} [FLAGS] {" ".join(command.ARGUMENTS)}',
        described,
    ]
    if 'rules' in values:
        from estimator_ckpt.cli.rules_flags import syntax

        parts.append(syntax())
    examples = [f'  {PROGRAM} {example}' for example in command.EXAMPLES]
    return '\n\n'.join([*parts, '\n'.join(['Examples:', *examples])])


def _print(code: int, lines: Iterable[str]) -> int:
    """Prints lines one by one without their control characters, until the reader closes the pipe."""
    try:
        for line in lines:
            if not terminal.is_quiet or isinstance(line, terminal.Warned):
                print(terminal.plain(line))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _sentence(error: Exception) -> str | None:
    """Returns a message about an error of the input; None for an error of this program."""
    from estimator_ckpt.bundle.errors import CheckpointError

    if isinstance(error, CheckpointError):
        return str(error)
    if isinstance(error, OSError):
        if error.filename is None or not error.strerror:
            return f'{error}.'
        return f'{error.filename or repr(error.filename)}: {error.strerror}.'
    if isinstance(error, UnicodeDecodeError):
        return f'a file that should be text is not UTF-8: {error}.'
    if isinstance(error, MemoryError):
        return 'not enough memory for a tensor.'
    tensorflow = sys.modules.get('tensorflow')
    if tensorflow is not None and isinstance(error, tensorflow.errors.OpError):
        return f'{error.message}.'
    return None


def _say(label: str, message: str) -> int:
    from estimator_ckpt.common.formatting import printable

    print(printable(f'{label}: {" ".join(message.split())}'), file=sys.stderr)
    return FAILED


def _say_usage(label: str, message: str) -> int:
    return _say(label, f'{message}; see `{label} --help`.')


def _say_interrupted(label: str) -> int:
    return _say(label, 'interrupted; half-written files have been removed.')
