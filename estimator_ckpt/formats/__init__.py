"""Checkpoints of any format as sources of tensors, and the kinds of files.

This package knows how formats other than V2 store tensors, and which format a file has. It does not know the meanings
of names; V2 checkpoints are the business of `bundle`.

* `source`, `opening`: the interface of readers; opening a checkpoint of either format.
* `v1`, `v1_file`, `v1_messages`, `v1_values`, `v1_paths`: V1 checkpoints; one file of them; its messages; the values in
  these; the files that a path refers to.
* `detect`, `graph_files`, `wire`: the kind of a file by its bytes; files with graphs; protocol buffers, field by field.
"""
