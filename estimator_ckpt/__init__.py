"""TF1, TF2 or both styles of checkpoint from `tf.estimator` and `MonitoredSession`.

Importing this package imports no TensorFlow; the names that need it import it when they are first used.
"""

import importlib
from typing import Any

_HOMES = {
    'AsyncCheckpointSaverHook': 'async_hook',
    'CheckpointError': 'bundle.errors',
    'CheckpointMirrorHook': 'mirror_hook',
    'CheckpointNotFoundError': 'bundle.errors',
    'CheckpointStyle': 'styles',
    'CorruptCheckpointError': 'bundle.errors',
    'InMemoryEvaluatorHook': 'in_memory_evaluator',
    'MappingError': 'mapping',
    'MappingReport': 'mapping',
    'RuleError': 'rules',
    'Saver': 'saver',
    'WarmStart': 'warm_starts',
    'WarmStartHook': 'warm_start_hook',
    '__version__': '_metadata',
    'convert': 'conversion',
    'convert_directory': 'directories',
    'convert_tf1_to_tf2': 'guide',
    'convert_tf2_to_tf1': 'guide',
    'diff': 'differences',
    'dual_scaffold': 'scaffolds',
    'inspect': 'inspection',
    'list_entries': 'contents',
    'plan': 'planning',
    'print_checkpoint': 'guide',
    'scaffold': 'scaffolds',
    'suggest_rules': 'suggesting.suggestion',
    'tf1_scaffold': 'scaffolds',
    'tf2_scaffold': 'scaffolds',
    'verify': 'verification',
    'warm_start': 'warm_starting',
    'with_checkpoint_style': 'extenders',
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
