"""The checkpoint file format: bytes, without TensorFlow.

A checkpoint is one table from keys to bytes. This package knows that table, its entries, the slices of partitioned
variables, the data files and their places, and how a checkpoint is published atomically. It does not know what a key
means: styles, variables, slots and object graphs are the business of `keys`.

* `reader`, `data_reader`, `writer`, `publishing`: a checkpoint as a whole, its data files, and how it gets its names.
* `staging_names`, `leftovers`: what a save writes until then, and what one that was killed leaves.
* `table`, `varint`, `checksums`: the index file (the LevelDB table format).
* `protos`, `messages`, `entries`, `columns`: the entries of an index, one by one and all at once.
* `slices`: partitioned variables.
* `tensors`, `dtypes`: the bytes of a tensor, to and from NumPy.
* `paths`, `checkpoint_state`: which checkpoint a path means, and the `checkpoint` state file.
* `files`: local and remote files; `checked_reading`, `parallel`: their bytes with checksums, on several cores.
* `errors`: the exceptions of the whole package.
"""
