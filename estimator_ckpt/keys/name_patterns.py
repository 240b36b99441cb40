"""What the names of tensors tell: of slots, averages, steps and scalars as TensorFlow and Keras name them.

Patterns that only some checkpoints need are compiled when they are used.
"""

import re

from estimator_ckpt.common.lazy_pattern import LazyPattern
from estimator_ckpt.keys import slots

_ENDINGS = rf'(?:{"|".join(slots.TF1_NAMES)})(?:_\d+)?|{"|".join(slots.FIXED_ENDINGS)}'
ENDING = re.compile(_ENDINGS)
SLOT = LazyPattern(rf'(?P<variable>.+?)(?:/(?:t|part)_\d+)?/(?P<slot>{_ENDINGS})(?P<end>:0)?')
# Keras's optimizers in graphs, which canned estimators use (`keras/optimizers/legacy/optimizer_v2.py`).
_KERAS = rf'(?:.*/)?(?:{"|".join(slots.KERAS_NAMES)})(?:_\d+)?/'
KERAS_SLOT = LazyPattern(
    rf'{_KERAS}(?P<variable>.+)/(?P<slot>{"|".join(slots.LEGACY_SLOT_NAMES)})(?P<end>:0)?'
)
SCALAR = LazyPattern(
    '|'.join(
        [
            rf'(?:.*/)?(?:{"|".join(slots.SCALARS)})(?:_\d+)?(?::0)?',
            rf'{_KERAS}iter(?::0)?',
            *(
                rf'(?:.*/)?{optimizer}(?:_\d+)?/(?:{"|".join(scalars)})(?::0)?'
                for optimizer, scalars in slots.SCOPED_SCALARS.items()
            ),
        ]
    )
)
# Names of slots in mesh-tensorflow, as in T5, whose factored ones have other shapes than their variables.
JOINED_SLOT = LazyPattern(r'(?P<variable>.+)_(?P<slot>slot_(?:vr|vc|v|m))')
# Keras's optimizers in TF1 graphs: `Adam/iterations`, and slots that are called `training/Adam/Variable_7`.
KERAS_SCALAR = LazyPattern(rf'{_KERAS}(?:iterations|lr)(?::0)?')
KERAS_UNNAMED = LazyPattern(rf'{_KERAS}Variable(?:_\d+)?(?::0)?')
# Keras 3: `adam/iteration`, and slots that are called `adam/dense_kernel_momentum` (`keras/src/optimizers/*.py`).
_KERAS_3 = (
    r'(?:.*/)?(?:[sS][gG][dD]|adagrad|adadelta|rm_?sprop|adam|adamw|adam_w|adamax|nadam|ftrl)(?:_\d+)?/'
)
KERAS_3_SLOT = LazyPattern(rf'(?P<variable>.+)_(?P<slot>{"|".join(slots.KERAS_3_SLOT_NAMES)})')
NAMED_KERAS_3_SLOT = LazyPattern(
    rf'{_KERAS_3}(?P<variable>[^/]+)_(?P<slot>{"|".join(slots.KERAS_3_SLOT_NAMES)})'
)
KERAS_3_SCALAR = LazyPattern(rf'{_KERAS_3}(?:iteration|learning_rate)')
SLOT_ENDING = LazyPattern(rf'(?P<stem>.+)/(?P<slot>{_ENDINGS})')
AVERAGE = LazyPattern(r'(?P<variable>.+)/ExponentialMovingAverage(?:_\d+)?(?P<end>:0)?')
# The variables that a zero-debiased average is computed from (`tensorflow/python/training/moving_averages.py`).
DEBIASING = LazyPattern(r'(?P<average>.+)/(?:biased|local_step)(?P<end>:0)?')
STEP = LazyPattern(r'(?:.*/)?global_step(?::0)?')
# The step of a program whose only counter is that of a Keras 3 optimizer.
KERAS_3_STEP = LazyPattern(rf'{_KERAS_3}iteration')
TABLE = LazyPattern(r'(?P<table>.*)-(?:keys|values)')
_PARTS_OF_NAMES = [
    *(*slots.TF1_NAMES, *slots.FIXED_ENDINGS, *slots.SCALARS, *slots.ALL_SCOPED_SCALARS),
    *('global_step', 'Average', 'biased', 'local_step', '-keys', '-values', '_OBJECT_GRAPH'),
    *('_slot_v', '_slot_m', 'iteration', 'Variable'),
    *(f'_{name}' for name in slots.KERAS_3_SLOT_NAMES),
]


def _telling() -> re.Pattern[str]:
    """Returns the pattern that is found in the last segment of the name of any tensor that is not a plain variable.

    Most tensors are plain variables, which are recognized quickly by this.
    """
    parts = [part for part in _PARTS_OF_NAMES if not any(p in part and p != part for p in _PARTS_OF_NAMES)]
    return re.compile(rf'{"|".join(parts)}|^(?:{"|".join(slots.LEGACY_SLOT_NAMES)}|iter|lr)(?::0)?$')


TELLING = _telling()
