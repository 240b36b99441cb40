r"""Trains the classifier of train_digits.py from the values of another checkpoint, of any style and with other names.

  python examples/warm_start_digits.py --model_dir=new --warm_start_from=digits --warm_start_rules=rules.txt

Its flags are those of train_digits.py and the one below. A rules file has a line for each rule,
`pattern -> replacement`, from the other checkpoint's names to this program's: `cnn/(.*) -> \1`. Where --model_dir holds
a checkpoint already, training goes on from that. The exit code is 2 if the flags are wrong, or the checkpoint or the
rules do not fit; nothing is trained then.
"""

import os
import sys

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf  # noqa: E402
import train_digits  # noqa: E402

import estimator_ckpt  # noqa: E402

flags.adopt_module_key_flags(train_digits)
flags.mark_flag_as_required('warm_start_from')
_INCLUDE = flags.DEFINE_string(
    'warm_start_include',
    'all',
    "Which variables get a value: 'trainable', 'all' (the batch norm's statistics too), or a regular expression.",
)


class _TestAtStart(tf.compat.v1.train.CheckpointSaverListener):
    """Prints the accuracy of the first checkpoint, before the first step."""

    def __init__(self, estimator: tf.estimator.Estimator):
        self._estimator = estimator

    def after_save(self, session, global_step_value):
        if global_step_value == 0:
            result = self._estimator.evaluate(lambda: train_digits.input_fn('test'), name='start')
            print(f'test accuracy at the start: {result["accuracy"]:.4f}')


def parse_flags(args):
    """Like absl's own parser, with one line and the exit code 2 for wrong flags."""
    try:
        return flags.FLAGS(args)
    except flags.Error as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def main(_):
    try:
        source, rules = flags.FLAGS.warm_start_from, flags.FLAGS.warm_start_rules
        warm_start = estimator_ckpt.WarmStart(source, rules, include=_INCLUDE.value)
        estimator = train_digits.build_estimator(warm_start)
        train_digits.train(estimator, saving_listeners=[_TestAtStart(estimator)])
    except (estimator_ckpt.CheckpointError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    app.run(main, flags_parser=parse_flags)
