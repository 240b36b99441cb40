"""The plugin for `tf.estimator` and `MonitoredSession`: scaffolds, hooks, and wrapped Estimators.

This package deals with Scaffold, SessionRunHook and Estimator, and is the only one that patches TensorFlow classes.
Saving and warm starts are in the packages below.

* `scaffolds`, `extenders`: factories of scaffolds; Estimators with another style.
* `async_hook`, `mirror_hook`, `mirror_directory`, `warm_start_hook`: the hooks; the directory of a mirror.
* `in_memory_evaluator`, `shared_model_dir`: evaluation beside training; directories that tasks do not share.
* `tensorflow_patches`: every patch of a TensorFlow class.
"""
