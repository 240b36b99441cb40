"""Shows, compares and verifies checkpoints, without TensorFlow.

This package knows how to describe to people what checkpoints hold, in what they differ, and what is wrong with them. It
writes no checkpoint, and does not know about programs.

* `inspect_checkpoint`, `object_tree`: the keys of a checkpoint and totals by kind; its objects as a tree.
* `diff_checkpoints`, `pairing`, `array_difference`: in what two checkpoints differ; which tensors correspond; how far
  apart two arrays are.
* `verify_checkpoint`, `slice_coverage`: what is wrong with a checkpoint; whether slices cover their tensor.
"""
