"""Prints a script that lets bash or zsh complete subcommands, flags and their values.

For bash: eval "$(estimator-ckpt completion bash)" in ~/.bashrc; for zsh the same with zsh in ~/.zshrc, after compinit.
"""

import importlib
from collections.abc import Iterable, Iterator
from typing import Any

from absl import flags

from estimator_ckpt.cli.commands import COMMANDS, PROGRAM, common_flags
from estimator_ckpt.cli.json_output import NAMES
from estimator_ckpt.cli.usage import UsageError

ARGUMENTS = ('SHELL',)
EXAMPLES = (
    'completion bash >> ~/.bashrc',
    'completion zsh >> ~/.zshrc',
)
SHELLS = ('bash', 'zsh')
# zsh understands the functions of bash after this.
_ZSH = 'autoload -U +X bashcompinit && bashcompinit'
# bash breaks words at equal signs, zsh does not. Without an answer the shell completes paths.
_SCRIPT = """\
_estimator_ckpt() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} flag= start= words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{commands} help --help --version' -- "$cur"))
    return
  fi
  if [ "$cur" = = ]; then
    flag=${{COMP_WORDS[COMP_CWORD-1]}} cur=
  elif [ "${{COMP_WORDS[COMP_CWORD-1]}}" = = ]; then
    flag=${{COMP_WORDS[COMP_CWORD-2]}}
  else
    case $cur in --*=*) flag=${{cur%%=*}} start=$flag= cur=${{cur#*=}} ;; esac
  fi
  if [ -n "$flag" ]; then
    case ${{COMP_WORDS[1]}}$flag in
{values}
    esac
    [ -z "$words" ] || COMPREPLY=($(compgen -P "$start" -W "$words" -- "$cur"))
    return
  fi
  case $cur in -*) ;; *) [ "${{COMP_WORDS[1]}}" = help ] || [ "${{COMP_WORDS[1]}}" = completion ] ||
    [ "${{COMP_WORDS[1]}}" = schema ] || return ;; esac
  case ${{COMP_WORDS[1]}} in
{flags}
    help) words='{commands}' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  case ${{COMPREPLY[0]}} in *=) type compopt >/dev/null 2>&1 && compopt -o nospace ;; esac
}}
complete -o default -F _estimator_ckpt {program}"""


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `completion`: none."""


def run(paths: list[str], values: Any) -> tuple[int, Iterable[str]]:
    """Runs `completion`.

    Args:
      paths: SHELL.
      values: The parsed flags.

    Returns:
      The exit code and the lines of the script.

    Raises:
      UsageError: If there is no such shell.
    """
    (shell,) = paths
    if shell not in SHELLS:
        raise UsageError(f'expected one of {", ".join(SHELLS)}, not {shell!r}')
    defined = {name: _flags_of(name) for name in COMMANDS}
    script = _SCRIPT.format(
        program=PROGRAM,
        commands=' '.join(COMMANDS),
        values='\n'.join(line for name, found in defined.items() for line in _value_cases(name, found)),
        flags='\n'.join(_flag_case(name, found) for name, found in defined.items()),
    )
    return 0, [*([_ZSH] if shell == 'zsh' else []), *script.splitlines()]


def _flags_of(name: str) -> list[Any]:
    values = flags.FlagValues()
    importlib.import_module(f'estimator_ckpt.cli.{name}_command').define_flags(values)
    common_flags(values)
    return [values[flag] for flag in dict.fromkeys(values[name].name for name in values)]


def _value_cases(name: str, defined: list[Any]) -> Iterator[str]:
    for flag in defined:
        if getattr(flag.parser, 'enum_values', None):
            yield f"      {name}--{flag.name}) words='{' '.join(flag.parser.enum_values)}' ;;"


def _flag_case(name: str, defined: list[Any]) -> str:
    words = list({'completion': SHELLS, 'schema': NAMES}.get(name, ()))
    for flag in defined:
        if not flag.boolean:
            words.append(f'--{flag.name}=')
        else:
            words.append(f'--no{flag.name}' if flag.default else f'--{flag.name}')
    return f"    {name}) words='{' '.join([*words, '--help'])}' ;;"
