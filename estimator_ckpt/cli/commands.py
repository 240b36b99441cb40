"""The subcommands, and what all of them have in common."""

from typing import Any

PROGRAM = 'estimator-ckpt'
COMMANDS = {
    'inspect': 'shows what a checkpoint holds',
    'list': 'lists the checkpoints of a directory, and what is damaged or left over',
    'diff': 'compares two checkpoints',
    'verify': 'verifies every byte of a checkpoint',
    'plan': 'shows which tensors of a checkpoint go where in another one',
    'convert': 'writes a checkpoint in another style, or as a file of another kind',
    'repair': 'makes the state file of a directory name the checkpoints that are whole',
    'clean': 'removes what killed processes have left in a directory',
    'average': 'averages the variables of several checkpoints',
    'schema': 'prints the JSON Schema of what a subcommand prints with --json',
    'completion': 'prints a script that lets a shell complete command lines',
}


def common_flags(values: Any) -> None:
    """Defines the flags that every subcommand has.

    Args:
      values: The flags of the subcommand.
    """
    from absl import flags  # Imported here, for `main` imports this module before it catches interrupts.

    flags.DEFINE_boolean(
        'quiet',
        False,
        'Whether only errors and warnings are printed; the exit code says the rest.',
        values,
        short_name='q',
    )
