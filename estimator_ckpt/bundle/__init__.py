"""The checkpoint file format, without TensorFlow.

A checkpoint is one table from keys to bytes. `reader` gives the table and the tensors, `writer` makes a new one from
the entries and data files of others.
"""
