"""Files with tensors that are not checkpoints of the V2 format, and what kind of file a path is.

Knows how other formats store tensors; does not know what their names mean. `source` states what a reader offers, `v1`
reads checkpoints of the V1 format, and `detect` tells the kind of a file from its bytes.
"""
