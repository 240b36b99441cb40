"""Converts a checkpoint to another style by writing a new index for the same data files.

Tensors are read only if operations change their values, or if the source has another format. They are streamed then,
tensor by tensor.
"""

import collections
import dataclasses
import functools
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.paths import as_path
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.conversion.destinations import check_destination, destination_prefix, ending_of
from estimator_ckpt.conversion.export import export
from estimator_ckpt.conversion.export_options import ExportOptions, without_effect
from estimator_ckpt.conversion.optimizer_to_keras import place_with_keras
from estimator_ckpt.conversion.optimizer_to_tf1 import place_as_tf1
from estimator_ckpt.conversion.placement import Placed, Placement, place_by_name
from estimator_ckpt.conversion.placement_like import place_like
from estimator_ckpt.conversion.selection import select_tensors, take_rules
from estimator_ckpt.formats.opening import follows_latest
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.object_graph import ObjectGraph, add_object_graph
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.recipes import Recipe, TensorRecipe
from estimator_ckpt.mapping.recurrent_rules import with_cells
from estimator_ckpt.mapping.report import (
    MappingError,
    MappingReport,
    Row,
    left_out_rows,
    made_row,
    source_row,
)
from estimator_ckpt.mapping.rules import Rules
from estimator_ckpt.mapping.source import Source, promote_all
from estimator_ckpt.mapping.tensors import Tensor, read_tensors
from estimator_ckpt.optimizers.momentum import momentum_notes
from estimator_ckpt.program.read_target import read_target


@follows_latest
@paused_collector()
def convert(
    source: str | os.PathLike,
    destination: str | os.PathLike,
    style: CheckpointStyle | str | None = None,
    *,
    rules: Rules = None,
    root: str | None = None,
    optimizer: str | Mapping[str, str] | None = None,
    step: str | Sequence[str] = (),
    name_step: bool | None = None,
    keras_optimizer: Any = None,
    hyperparameters: Mapping[str, Any] | None = None,
    like: Any = None,
    drop: str | Collection[str] = (),
    keep: str | Collection[str] = (),
    promote_averages: bool = False,
    merge_slices: bool = False,
    compact: bool = False,
    data: Literal['link', 'copy'] = 'link',
    overwrite: bool = False,
    write_state_file: bool = False,
    save_counter: bool | None = None,
    durable: bool = True,
    for_: Literal['pytorch'] | None = None,
    dry_run: bool = False,
    progress: Callable[[int], object] | None = None,
) -> MappingReport:
    """Writes a checkpoint of another style with the same bytes, or a file of another kind. The source is not changed.

    A destination that ends in `.weights.h5` or `.keras` becomes a file of Keras 3 weights or a Keras 3 model, and needs
    `like`. One that ends in `.safetensors` or `.npz` becomes a file of arrays under name-based keys.

    Args:
      source: A checkpoint of any style: any path that `formats.opening.open_source` accepts.
      destination: The prefix of the new checkpoint. If it is a directory or ends in a slash, the new checkpoint gets
        the name of the source in that directory. Or the path of a file of another kind.
      style: `'tf1'`, `'tf2'` or `'both'`; None for a file of another kind, which has no style.
      rules: The rules for new names, which match names and object paths; see `estimator_ckpt.mapping.rules`. `'rnn'`,
        alone or in a list, stands for those of recurrent cells; see `estimator_ckpt.mapping.recurrent_rules`. They give
        names for `'tf1'`, and object paths (`'model/encoder/kernel'`) for the other styles.
      root: For object-based styles, the child of the root object that holds the variables that no rule places, by
        default `'vars'`. For `'tf1'`, the child of the root object whose children are named without its path, by
        default the guide's `vars` and `var_list`.
      optimizer: The object path of the optimizer that the slots belong to, or a dict of the paths of several optimizers
        (`'Adam'`, `'Ftrl'`, ...). Slots of other optimizers become variables.
      step: The object path of the global step, or several paths, which share one tensor.
      name_step: Whether the global step of a `'tf2'` checkpoint has the key `global_step` too, which Estimator and
        scripts read. None for True exactly if a `'tf2'` source, or `like`, has this key.
      keras_optimizer: The Keras optimizer to which, or for `'tf1'` from which, slots are converted, including their
        values: its name (`'Adam'`), the optimizer itself, or its config; or a dict of several optimizers by the names
        of the TF1 optimizers, or by regular expressions for the names of their variables. The new layout is that of
        `tf.keras.optimizers.legacy`, at the path `optimizer` and with the global step as `iter`. See `like` for other
        layouts.
      hyperparameters: The hyperparameters of `keras_optimizer` (`{'learning_rate': 0.1}`), and `iter`, the number of
        updates, if that is not the global step; a dict of dicts for several optimizers. Further hyperparameters are
        read from the checkpoint, or from the `.meta` graph beside it, or are Keras's defaults. The report lists them.
      like: A checkpoint or a `tf.train.Checkpoint` whose layout, that is names and objects, the new checkpoint gets.
        Each tensor of the layout must have a source of the same shape and type. Tensors that the layout does not have
        keep their names. For Keras weights: the file of a fresh model (`model.save_weights('fresh.weights.h5')`,
        `model.save('fresh.keras')`), or a built Keras 3 model on any backend. Rules name its variables by their Keras
        paths (`conv/kernel`), or by their paths in the file (`layers/conv2d/vars/0`).
      drop: The tensors to leave out: kinds as `inspect` prints them, also in the plural (`'slots'`, `'averages'`,
        `'step'`, `'optimizer'`), or regular expressions for whole names. Each must apply to a tensor.
      keep: The only tensors to convert, in the form of `drop`; empty for all.
      promote_averages: Whether moving averages replace the values of their variables.
      merge_slices: Whether partitioned variables become whole tensors.
      compact: Whether only the bytes of converted tensors are copied, into one data file, instead of linking or copying
        whole data files.
      data: `'link'` to link data files where the file system allows it; `'copy'` to copy them.
      overwrite: Whether an existing checkpoint at `destination` is replaced.
      write_state_file: Whether the `checkpoint` state file in the directory of the new checkpoint names it.
      save_counter: Whether a checkpoint with objects has a counter of saves, which `tf.train.Checkpoint` asks for. None
        for what the source or `like` has; one is added to a source without objects.
      durable: Whether the new checkpoint or file survives a power cut when the function returns.
      for_: The library whose names and layouts of variables a `.safetensors` or `.npz` file gets: `'pytorch'`; None
        for TensorFlow's.
      dry_run: Whether nothing is written. All checks are made and the report is the same, but no value is computed.
      progress: A function that is called with the number of bytes of each piece after it is copied.

    Returns:
      The report of the sources of all keys. Tensors that were left out are in its section `unused`.

    Raises:
      CheckpointError: If the source cannot be read, or `destination` is the source or an existing checkpoint.
      RuleError: If a rule is malformed, or a rule, `drop` or `keep` applies to no tensor.
      MappingError: If two tensors would have the same key, or a tensor of `like` has no fitting source.
    """
    ending = ending_of(destination, style)
    if ending is not None:
        without_effect(
            ending,
            root=root,
            optimizer=optimizer,
            step=step,
            name_step=name_step,
            keras_optimizer=keras_optimizer,
            merge_slices=merge_slices,
            compact=compact,
            data=None if data == 'link' else data,
            write_state_file=write_state_file,
            save_counter=save_counter,
        )
        options = ExportOptions(
            rules, drop, keep, promote_averages, like, hyperparameters, for_, overwrite, durable, dry_run
        )
        return export(source, as_path(destination), ending, options, progress)
    if for_ is not None:
        raise CheckpointError(f'for_={for_!r} would have no effect on a checkpoint; omit it.')
    style, contents = CheckpointStyle(style), Contents(source)
    destination = destination_prefix(contents.reader.prefix, destination)
    writer = BundleWriter(destination)  # It notices what is written there after the check.
    check_destination(contents.reader, destination, overwrite)
    contents.reader.check_data_files()
    if like is None and style is not CheckpointStyle.TF1:
        paths = {} if keras_optimizer is not None else {'optimizer': optimizer, 'step': step}
        _check_options(contents, {'root': root, **paths})
    layout = tensors = read_tensors(contents, root)
    if promote_averages:
        tensors = promote_all(Source(contents, tensors))
    tensors, left_out = select_tensors(tensors, drop, keep)
    target = None if like is None else read_target(like, with_slots=True)
    rules = with_cells(rules, Source(contents, tensors), target)
    tensors, left_out_by_rules = take_rules(tensors, rules, follow=like is None)
    if merge_slices:
        tensors = _merge_slices(tensors, contents.reader)
    converted = Source(contents, tensors)
    if target is not None:
        layout = [wanted.tensor for wanted in target.wanted]
        placed = place_like(converted, target, hyperparameters)
    elif keras_optimizer is not None and style is CheckpointStyle.TF1:
        placed = place_as_tf1(converted, hyperparameters)
    elif keras_optimizer is not None:
        with_names = style is CheckpointStyle.BOTH
        placed = place_with_keras(
            converted, root, optimizer, step, keras_optimizer, hyperparameters, with_names
        )
    elif style is CheckpointStyle.TF1:
        placed = place_by_name(tensors)
        placed.notes += momentum_notes(converted)
    else:
        placed = Placement(contents, root, optimizer, step).place(tensors)
    left_out = [*left_out, *left_out_by_rules, *placed.left_out]
    if name_step is None:
        name_step = _names_only_step(layout)
    by_key = _by_key(placed, style, contents.reader, name_step)
    report = ConversionReport.of(contents.reader, by_key, left_out, placed)
    if isinstance(contents.reader, BundleReader):
        writer.include(contents.reader, data)
    if save_counter is None:
        layout_graph = contents.graph if target is None else target.graph
        is_file = like is None or isinstance(like, (str, bytes, os.PathLike))
        save_counter = (
            not is_file
            or layout_graph is None
            or layout_graph.child_key(object_keys.SAVE_COUNTER) is not None
        )
    graph = placed.layout.graph if style is not CheckpointStyle.TF1 else None
    _compose(writer, by_key, graph, contents.reader, save_counter)
    for key, value in placed.values.items():
        writer.add_tensor(key, value)
    if dry_run:
        return report
    if compact:
        writer.compact()
    writer.publish(progress, durable)
    if write_state_file:
        base = os.path.basename(destination)
        write_state(os.path.dirname(destination), CheckpointState(base, (base,)), durable=durable)
    return report


def _check_options(contents: Contents, given: Mapping[str, Any]) -> None:
    """Checks that no options for name-based checkpoints are given for a source with objects.

    Args:
      contents: The source.
      given: The values of the options that determine the paths of tensors of a name-based checkpoint, by name.
    """
    without_effect = [f'{option}={value!r}' for option, value in given.items() if value]
    if contents.graph is not None and without_effect:
        raise CheckpointError(
            f'{" and ".join(without_effect)} would have no effect: {contents.reader.prefix} has objects, whose tensors '
            'stay where they are; rules move them.'
        )


def _names_only_step(tensors: list[Tensor]) -> bool:
    """Returns True if the global step is the only tensor with both keys, as in `'tf2'` checkpoints for Estimator."""
    named = [tensor.key for tensor in tensors if tensor.object_key and tensor.key != tensor.object_key]
    return named == [object_keys.GLOBAL_STEP]


def _merge_slices(tensors: list[Tensor], reader: TensorSource) -> list[Tensor]:
    return [
        dataclasses.replace(tensor, recipe=TensorRecipe((tensor.key,), merge=True))
        if tensor.recipe is None and reader.entry(tensor.key).slices
        else tensor
        for tensor in tensors
    ]


def _compose(
    writer: BundleWriter,
    by_key: dict[str, Tensor],
    graph: ObjectGraph | None,
    reader: TensorSource,
    add_counter: bool,
) -> None:
    """Adds all keys to the new checkpoint, and for an object-based one the object graph and the counter of saves."""
    # Tensors of another format are read and written, one by one.
    can_take = isinstance(reader, BundleReader)
    taken = {key: tensor.key for key, tensor in by_key.items() if can_take and tensor.recipe is None}
    made = {key: tensor.made for key, tensor in by_key.items() if key not in taken}
    if graph is None:
        _fill(writer, taken, made, reader)
        return
    counters = [graph.add_save_counter()] if add_counter else []
    taken |= {counter: counter for counter in counters if counter in reader}
    _fill(writer, taken, made, reader)
    add_object_graph(writer, graph, counters)


def _by_key(
    placed: Placed, style: CheckpointStyle, reader: TensorSource, name_step: bool
) -> dict[str, Tensor]:
    """Returns the tensor of each new key."""
    if style is CheckpointStyle.TF1:
        rows = [(name, tensor) for tensor, name, _ in placed.rows]
    elif style is CheckpointStyle.TF2:
        rows = [(object_key or name, tensor) for tensor, name, object_key in placed.rows]
        if name_step:
            rows += [
                (name, tensor) for tensor, name, key in placed.rows if key and name == object_keys.GLOBAL_STEP
            ][:1]
    else:
        # A tensor without a name, such as a string of Keras, has a single key.
        rows = [
            (key, tensor) for tensor, *both in placed.rows for key in dict.fromkeys(reversed(both)) if key
        ]
    by_key = dict(rows)
    if len(by_key) < len(rows):
        raise _shared_keys_error(rows, reader)
    return by_key


def _shared_keys_error(rows: list[tuple[str, Tensor]], reader: TensorSource) -> MappingError:
    tensors: dict[str, list[Tensor]] = collections.defaultdict(list)
    for key, tensor in rows:
        tensors[key].append(tensor)
    report, collisions = MappingReport(), []
    for key, group in sorted(tensors.items()):
        section = report.matched if len(group) == 1 else report.ambiguous
        section += [source_row(reader, tensor.key, key) for tensor in group]
        if len(group) > 1:
            collisions.append(f'{key!r} from {", ".join(repr(tensor.key) for tensor in group)}')
    return MappingError(
        f'{reader.prefix}: several tensors would have the same key: {"; ".join(collisions)}. Rename or drop all but '
        'one.',
        report,
    )


def _fill(writer: BundleWriter, taken: dict[str, str], made: dict[str, Recipe], reader: TensorSource) -> None:
    """Adds the tensor of each new key, whose bytes are either those of the source or computed.

    Args:
      writer: The writer of the new checkpoint.
      taken: The key in the source for each new key whose tensor is taken unchanged.
      made: The recipe for each other new key.
      reader: The reader of the source.
    """
    outcomes = {key: recipe.outcome(reader) for key, recipe in made.items()}
    moved = {}
    if isinstance(reader, BundleReader):
        moved = {key: recipe.sources[0] for key, recipe in made.items() if recipe.moves_no_bytes(reader)}
        writer.rekey({**taken, **moved} if moved else taken)
    computed: dict[Recipe, str] = {}
    for key, recipe in made.items():
        dtype, shape = outcomes[key]
        if key in moved:
            if shape != reader.entry(recipe.sources[0]).shape:
                writer.reshape(key, shape)
        elif recipe in computed:
            writer.alias(key, computed[recipe])
        else:
            writer.add_computed(key, dtype, shape, functools.partial(recipe.compute, reader))
            computed[recipe] = key


class ConversionReport(MappingReport):
    """The report of a conversion. Its rows are many and seldom used, and therefore created on demand."""

    _source: TensorSource
    _by_key: Mapping[str, Tensor]

    @classmethod
    def of(
        cls, source: TensorSource, by_key: Mapping[str, Tensor], left_out: Sequence[Tensor], placed: Placed
    ) -> 'ConversionReport':
        """Returns the report of a conversion.

        Args:
          source: The source.
          by_key: The tensor of each new key.
          left_out: The tensors without a new key.
          placed: The placement of the tensors, with its notes and warnings.
        """
        unused = left_out_rows(source, [tensor.key for tensor in left_out])
        report = cls(unused=unused, notes=placed.notes, warnings=placed.warnings)
        report._source, report._by_key = source, by_key
        # The first access creates it, by `__getattr__`.
        del report.matched
        return report

    def __getattr__(self, name: str) -> list[Row]:
        # Python calls this only for attributes that are not set.
        if name != 'matched':
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')
        self.matched = [
            made_row(self._source, tensor.key, tensor.recipe, key)
            if tensor.recipe
            else source_row(self._source, tensor.key, key)
            for key, tensor in self._by_key.items()
        ]
        return self.matched
