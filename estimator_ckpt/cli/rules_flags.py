"""The flags that give rules, which several subcommands take."""

from typing import Any

from absl import flags

from estimator_ckpt.cli.usage import UsageError
from estimator_ckpt.mapping import transforms
from estimator_ckpt.mapping.recurrent_rules import WORD, is_word
from estimator_ckpt.mapping.rules import parse_line, parse_rules

_STANDARD_INPUT = '/dev/stdin'
_SYNTAX = r"""Rules:
  layer_(\d+)/w -> blocks/\1/kernel                   renames; # begins a comment
  layer_(\d+)/w -> blocks/\1/kernel | transpose=1,0   renames, and changes the values
The first rule whose pattern, a regular expression, matches the whole name applies."""


def define(values: flags.FlagValues, what: str) -> None:
    """Defines `--rules` and `--rule`.

    Args:
      values: The flags of the subcommand.
      what: What the rules do, such as `'from the names of A to those of B'`.
    """
    flags.DEFINE_string(
        'rules',
        None,
        f'A file of rules {what}, "pattern -> replacement" on each line; - for standard input, {WORD} for the rules of '
        f'recurrent cells ("{WORD} forget_bias=0" if those of TF1 were made so).',
        values,
    )
    flags.DEFINE_multi_string(
        'rule',
        [],
        'A rule, "pattern -> replacement" or "pattern -> replacement | operations"; can be given several times. These '
        'rules are tried before those of --rules.',
        values,
    )


def rules_of(values: Any) -> Any:
    """Returns the rules that the flags give, in a form that every function takes; None without any.

    A file of rules is read here, once, because what comes from a pipe cannot be read again.

    Args:
      values: The parsed flags.

    Raises:
      RuleError: If a rule is malformed.
      UsageError: If an argument of `--rule` is no rule.
    """
    rules = _STANDARD_INPUT if values.rules == '-' else values.rules
    if not values.rule:
        return rules if rules is None or is_word(rules) else parse_rules(rules)
    given = []
    for line in values.rule:
        row = parse_line(line)
        if row is None:
            raise UsageError(f'--rule must be "pattern -> replacement", not {line!r}')
        given.append(row)
    return [*given, *([rules] if is_word(rules) else parse_rules(rules))]


def syntax() -> str:
    """Returns what the help says about rules and their operations."""
    # The operations are described where they are defined, as an indented list.
    operations = (transforms.__doc__ or '').strip().replace('`', '').split('\n', 2)[-1].strip()
    return f'{_SYNTAX}\n\n{operations}'
