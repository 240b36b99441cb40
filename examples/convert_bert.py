r"""Converts a checkpoint of Google's BERT for TensorFlow 1 to Keras, for examples/bert_encoder.py.

  python examples/convert_bert.py --checkpoint=bert_model.ckpt --config=bert_config.json --output=bert_tf2

It needs no TensorFlow, and since every operation of its rules is a reshape it reads no tensor. In TF2,
tf.train.Checkpoint(encoder=BertEncoder(config)) restores the result.
"""

import json
import pathlib

from absl import app, flags
from bert_rules import rules

import estimator_ckpt

_CHECKPOINT = flags.DEFINE_string('checkpoint', None, 'Prefix of the TF1 checkpoint.', required=True)
_CONFIG = flags.DEFINE_string('config', None, "BERT's bert_config.json.", required=True)
_OUTPUT = flags.DEFINE_string('output', None, 'Prefix of the new checkpoint.', required=True)
_OPTIMIZER = flags.DEFINE_string(
    'optimizer',
    None,
    'Object path of the optimizer that gets the slots adam_m and adam_v; without it they are left out.',
)


def main(_):
    config = json.loads(pathlib.Path(_CONFIG.value).read_text())
    report = estimator_ckpt.convert(
        _CHECKPOINT.value,
        _OUTPUT.value,
        'tf2',
        rules=rules(config),
        optimizer=_OPTIMIZER.value,
        keep=['bert/.*'],
        drop=() if _OPTIMIZER.value else 'slots',
    )
    print(report)


if __name__ == '__main__':
    app.run(main)
