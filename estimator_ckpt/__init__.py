"""TF1, TF2 or both styles of checkpoint from `tf.estimator` and `MonitoredSession`.

Importing this package imports no TensorFlow; the names that need it import it when they are first used. Where
TensorFlow is not installed, `pip install 'estimator_ckpt[tensorflow]'` brings it; names that need `tf.estimator` ask
for `pip install 'estimator_ckpt[estimator-cpu]'`, or `[estimator]` beside another build of TensorFlow 2.12 to 2.15, on
Python 3.11 or older. Type checkers see the names as plain imports.
"""

import importlib
import importlib.util
import typing

# The module that each public name is defined in; the imports for type checkers below list the same names.
_EXPORTS = {
    'AsyncCheckpointSaverHook': 'estimator.async_hook',
    'CheckpointError': 'bundle.errors',
    'CheckpointMirrorHook': 'estimator.mirror_hook',
    'CheckpointNotFoundError': 'bundle.errors',
    'CheckpointStyle': 'keys.styles',
    'CorruptCheckpointError': 'bundle.errors',
    'InMemoryEvaluatorHook': 'estimator.in_memory_evaluator',
    'MappingError': 'mapping.report',
    'MappingReport': 'mapping.report',
    'RuleError': 'mapping.rules',
    'Saver': 'saving.saver',
    'WarmStart': 'warm_starting.options',
    'WarmStartHook': 'estimator.warm_start_hook',
    '__version__': '_metadata',
    'average': 'conversion.average_checkpoints',
    'convert': 'conversion.convert_checkpoint',
    'convert_directory': 'conversion.convert_directory',
    'convert_tf1_to_tf2': 'conversion.guide_functions',
    'convert_tf2_to_tf1': 'conversion.guide_functions',
    'diff': 'inspection.diff_checkpoints',
    'dual_scaffold': 'estimator.scaffolds',
    'inspect': 'inspection.inspect_checkpoint',
    'list_directory': 'inspection.list_directory',
    'list_entries': 'keys.contents',
    'load': 'keys.load_arrays',
    'plan': 'warm_starting.plan',
    'print_checkpoint': 'conversion.guide_functions',
    'repair': 'inspection.list_directory',
    'scaffold': 'estimator.scaffolds',
    'suggest_rules': 'suggesting.suggest_rules',
    'tf1_scaffold': 'estimator.scaffolds',
    'tf2_scaffold': 'estimator.scaffolds',
    'verify': 'inspection.verify_checkpoint',
    'warm_start': 'warm_starting.warm_start',
    'with_checkpoint_style': 'estimator.extenders',
}
# Not in __all__: `from estimator_ckpt import *` would hide absl's `flags`.
_SUBMODULES = ('bundle', 'flags')
__all__ = sorted(_EXPORTS)

if typing.TYPE_CHECKING:
    from estimator_ckpt import bundle as bundle
    from estimator_ckpt import flags as flags
    from estimator_ckpt._metadata import __version__ as __version__
    from estimator_ckpt.bundle.errors import CheckpointError as CheckpointError
    from estimator_ckpt.bundle.errors import CheckpointNotFoundError as CheckpointNotFoundError
    from estimator_ckpt.bundle.errors import CorruptCheckpointError as CorruptCheckpointError
    from estimator_ckpt.conversion.average_checkpoints import average as average
    from estimator_ckpt.conversion.convert_checkpoint import convert as convert
    from estimator_ckpt.conversion.convert_directory import convert_directory as convert_directory
    from estimator_ckpt.conversion.guide_functions import convert_tf1_to_tf2 as convert_tf1_to_tf2
    from estimator_ckpt.conversion.guide_functions import convert_tf2_to_tf1 as convert_tf2_to_tf1
    from estimator_ckpt.conversion.guide_functions import print_checkpoint as print_checkpoint
    from estimator_ckpt.estimator.async_hook import AsyncCheckpointSaverHook as AsyncCheckpointSaverHook
    from estimator_ckpt.estimator.extenders import with_checkpoint_style as with_checkpoint_style
    from estimator_ckpt.estimator.in_memory_evaluator import InMemoryEvaluatorHook as InMemoryEvaluatorHook
    from estimator_ckpt.estimator.mirror_hook import CheckpointMirrorHook as CheckpointMirrorHook
    from estimator_ckpt.estimator.scaffolds import dual_scaffold as dual_scaffold
    from estimator_ckpt.estimator.scaffolds import scaffold as scaffold
    from estimator_ckpt.estimator.scaffolds import tf1_scaffold as tf1_scaffold
    from estimator_ckpt.estimator.scaffolds import tf2_scaffold as tf2_scaffold
    from estimator_ckpt.estimator.warm_start_hook import WarmStartHook as WarmStartHook
    from estimator_ckpt.inspection.diff_checkpoints import diff as diff
    from estimator_ckpt.inspection.inspect_checkpoint import inspect as inspect
    from estimator_ckpt.inspection.list_directory import list_directory as list_directory
    from estimator_ckpt.inspection.list_directory import repair as repair
    from estimator_ckpt.inspection.verify_checkpoint import verify as verify
    from estimator_ckpt.keys.contents import list_entries as list_entries
    from estimator_ckpt.keys.load_arrays import load as load
    from estimator_ckpt.keys.styles import CheckpointStyle as CheckpointStyle
    from estimator_ckpt.mapping.report import MappingError as MappingError
    from estimator_ckpt.mapping.report import MappingReport as MappingReport
    from estimator_ckpt.mapping.rules import RuleError as RuleError
    from estimator_ckpt.saving.saver import Saver as Saver
    from estimator_ckpt.suggesting.suggest_rules import suggest_rules as suggest_rules
    from estimator_ckpt.warm_starting.options import WarmStart as WarmStart
    from estimator_ckpt.warm_starting.plan import plan as plan
    from estimator_ckpt.warm_starting.warm_start import warm_start as warm_start
else:

    def __getattr__(name: str) -> typing.Any:
        if name in _SUBMODULES:
            return importlib.import_module(f'{__name__}.{name}')
        if name not in _EXPORTS:
            raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
        try:
            module = importlib.import_module(f'{__name__}.{_EXPORTS[name]}')
        except ModuleNotFoundError as error:
            if (error.name or '').split('.')[0] != 'tensorflow':
                raise
            raise ImportError(
                f"{__name__}.{name} needs TensorFlow, which is not installed: pip install '{__name__}[tensorflow]', or "
                f"'{__name__}[estimator-cpu]' for tf.estimator (Python 3.11 or older)."
            ) from error
        value = getattr(module, name)
        globals()[name] = value
        return value


# What `help` would import, and fail, where TensorFlow is not installed.
_TENSORFLOW_HOMES = ('estimator.', 'saving.', 'warm_starting.warm_start')


def __dir__() -> list[str]:
    names = [*_EXPORTS, *_SUBMODULES]
    if not _is_installed('tensorflow'):
        names = [name for name in names if not _EXPORTS.get(name, '').startswith(_TENSORFLOW_HOMES)]
    return sorted(names)


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # `sys.modules` says that it cannot be imported.
        return False
