"""TF1, TF2 or both styles of checkpoint from `tf.estimator` and `MonitoredSession`.

Importing this package imports no TensorFlow; the names that need it import it when they are first used.
"""

import importlib
from typing import Any

_HOMES = {
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
    'convert': 'conversion.convert_checkpoint',
    'convert_directory': 'conversion.convert_directory',
    'convert_tf1_to_tf2': 'conversion.guide_functions',
    'convert_tf2_to_tf1': 'conversion.guide_functions',
    'diff': 'inspection.diff_checkpoints',
    'dual_scaffold': 'estimator.scaffolds',
    'inspect': 'inspection.inspect_checkpoint',
    'list_entries': 'keys.contents',
    'plan': 'warm_starting.plan',
    'print_checkpoint': 'conversion.guide_functions',
    'scaffold': 'estimator.scaffolds',
    'suggest_rules': 'suggesting.suggest_rules',
    'tf1_scaffold': 'estimator.scaffolds',
    'tf2_scaffold': 'estimator.scaffolds',
    'verify': 'inspection.verify_checkpoint',
    'warm_start': 'warm_starting.warm_start',
    'with_checkpoint_style': 'estimator.extenders',
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name == 'flags':  # A public module.
        return importlib.import_module(f'{__name__}.flags')
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
