"""Runs `estimator-ckpt`: finds the subcommand, reads its flags, prints what it gives, and says faults in a sentence.

Exit codes: 0 done, 1 found a difference or a fault, 2 wrong usage or unreadable input.
"""

import importlib
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from estimator_ckpt.cli.usage import UsageError

PROGRAM = 'estimator-ckpt'
COMMANDS = {
    'inspect': 'shows what a checkpoint holds',
    'diff': 'compares two checkpoints',
    'verify': 'checks every byte of a checkpoint',
    'plan': 'shows which tensor of a checkpoint goes where in another one',
    'convert': 'writes a checkpoint in another style',
}
_HELP = {'-h', '-help', '--help', '--helpfull', '--helpshort'}
FAILED = 2


class Interrupted(KeyboardInterrupt):
    """The process was told to end."""


def run() -> None:
    """The console script: runs the command line of this process and exits."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Who started this in the background may have turned interrupts off.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors='backslashreplace')
    try:
        # Whatever takes time to import is imported where an interrupt is caught.
        from absl import app

        app.run(main, flags_parser=_leave_flags)
    except KeyboardInterrupt:
        sys.exit(_say_interrupted(PROGRAM))
    except Exception:
        # A fault of this program. Python's own exit code would be 1, which means a difference.
        sys.excepthook(*sys.exc_info())
        sys.exit(FAILED)


def _interrupt(number: int, frame: object) -> None:
    # What is half-written is being removed: a second signal must not stop that.
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted


def _leave_flags(argv: Sequence[str]) -> list[str]:
    """Leaves all flags to the subcommands; absl's own, which say how Python programs run, keep their defaults."""
    from absl import flags

    flags.FLAGS([argv[0]])
    return list(argv)


def main(argv: Sequence[str]) -> int:
    """Runs a command line.

    Args:
      argv: The program's name, the subcommand, its flags and arguments.

    Returns:
      The exit code.
    """
    name = argv[1] if len(argv) > 1 else ''
    label = f'{PROGRAM} {name}' if name in COMMANDS else PROGRAM
    try:
        if name in _HELP or (name == 'help' and len(argv) == 2):
            return _print(0, [_overview()])
        if name == '--version':
            from estimator_ckpt._metadata import __version__

            return _print(0, [f'{PROGRAM} {__version__}'])
        if name not in COMMANDS:
            raise UsageError(_unknown(name))
        command = importlib.import_module(f'estimator_ckpt.cli.{name}_command')
        return _print(*_run_command(command, label, argv[2:]))
    except UsageError as error:
        return _say(label, f'{error}; see `{label} --help`.')
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
    if _HELP.intersection(arguments[: arguments.index('--')] if '--' in arguments else arguments):
        return 0, [_help(command, label, values)]
    try:
        _, *paths = values([label, *arguments])
    except flags.Error as error:
        raise UsageError(str(error).strip().rstrip('.')) from error
    if len(paths) != len(command.ARGUMENTS):
        expected = ' '.join(command.ARGUMENTS)
        raise UsageError(f'it takes {expected}, and got {" ".join(map(repr, paths)) or "nothing"}')
    return command.run(paths, values)


def _unknown(name: str) -> str:
    if not name:
        return f'a subcommand is missing: {", ".join(COMMANDS)}'
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f'did you mean {near[0]}?' if near else f'there are {", ".join(COMMANDS)}'
    return f'{name!r} is no subcommand ({hint})'


def _overview() -> str:
    commands = '\n'.join(f'  {name:8} {summary}' for name, summary in COMMANDS.items())
    return (
        'Inspects, compares, checks and converts TensorFlow checkpoints of the TF1 name-based and the TF2 object-based '
        f'style.\n\nUsage: {PROGRAM} SUBCOMMAND [FLAGS] ARGUMENTS\n\n{commands}\n\n'
        'A checkpoint is given by its prefix, its directory, or one of its files.\n'
        f'`{PROGRAM} SUBCOMMAND --help` shows the flags.\n'
        'Exit codes: 0 done, 1 found a difference or a fault, 2 wrong usage or unreadable input.'
    )


def _help(command: ModuleType, label: str, values: Any) -> str:
    # absl puts the module's name above its flags.
    lines = values.get_help(include_special_flags=False).splitlines()
    described = '\n'.join(line for line in lines if line and line[0] == ' ')
    return f'{command.__doc__.strip()}\n\nUsage: {label} [FLAGS] {" ".join(command.ARGUMENTS)}\n\n{described}'


def _print(code: int, lines: Iterable[str]) -> int:
    """Prints lines as they come; a reader that has seen enough ends that."""
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _sentence(error: Exception) -> str | None:
    """What to say of an error of the input; None for one of this program."""
    from estimator_ckpt.bundle.errors import CheckpointError

    if isinstance(error, CheckpointError):
        return str(error)
    if isinstance(error, OSError):
        return f'{error.filename}: {error.strerror}.' if error.filename and error.strerror else f'{error}.'
    if isinstance(error, UnicodeDecodeError):
        return f'a file that should be text is not UTF-8: {error}.'
    if isinstance(error, MemoryError):
        return 'there is not enough memory for a tensor.'
    tensorflow = sys.modules.get('tensorflow')
    if tensorflow is not None and isinstance(error, tensorflow.errors.OpError):
        return f'{error.message}.'
    return None


def _say(label: str, message: str) -> int:
    print(f'{label}: {" ".join(message.split())}', file=sys.stderr)
    return FAILED


def _say_interrupted(label: str) -> int:
    return _say(label, 'interrupted; what was half-written has been removed.')
