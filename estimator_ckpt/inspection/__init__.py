"""Shows, compares and verifies checkpoints, without TensorFlow.

This package knows how to describe to people what checkpoints hold, in what they differ, and what is wrong with them. It
writes no checkpoint, and does not know about programs.

* `inspect_checkpoint`, `entry_table`, `object_tree`: the keys of a checkpoint and totals by kind; these as tables; its
  objects as a tree.
* `tensor_statistics`, `tensor_histograms`: what the values of tensors are like.
* `list_directory`: the checkpoints of a directory, what is left over, and its repair.
* `diff_checkpoints`, `pairing`, `array_difference`: in what two checkpoints differ; which tensors correspond; how far
  apart two arrays are.
* `verify_checkpoint`, `slice_coverage`: what is wrong with a checkpoint; whether slices cover their tensor.
"""
