"""`Saver`: writes and restores checkpoints of any style, in sessions and in eager mode.

This package knows save and restore ops, snapshots, the staging of files and retention. It does not know Estimator,
hooks or warm starts.

* `saver`: the `tf.compat.v1.train.Saver`.
* `graph_ops`, `eager_ops`, `snapshot_ops`: the ops in graphs, in eager mode, and for values of one step.
* `checkpoint_writer`, `staging`, `retention`: how a checkpoint is written and announced, composed and published; which
  checkpoints are kept.
* `background_save`, `save_report`: saving in a thread; the log line and the summaries of a save.
"""
