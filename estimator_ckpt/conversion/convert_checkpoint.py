"""Converts a checkpoint to another style: a new index over the same data files.

No tensor is read, but for operations that change values; those are streamed tensor by tensor.
"""

import collections
import dataclasses
import functools
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.checkpoint_state import CheckpointState, write_state
from estimator_ckpt.bundle.errors import CheckpointError
from estimator_ckpt.bundle.files import files_for
from estimator_ckpt.bundle.paths import as_path, checkpoint_exists, index_path, same_place
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.bundle.writer import BundleWriter
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.conversion.optimizer_to_keras import place_with_keras
from estimator_ckpt.conversion.optimizer_to_tf1 import place_as_tf1
from estimator_ckpt.conversion.placement import Placed, Placement, place_by_name
from estimator_ckpt.conversion.placement_like import place_like
from estimator_ckpt.conversion.selection import select_tensors
from estimator_ckpt.formats.opening import name_of
from estimator_ckpt.formats.source import TensorSource
from estimator_ckpt.keys import object_keys
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.object_graph import ObjectGraph, add_object_graph
from estimator_ckpt.keys.styles import CheckpointStyle
from estimator_ckpt.mapping.recipes import Recipe, TensorRecipe
from estimator_ckpt.mapping.report import MappingError, MappingReport, Row
from estimator_ckpt.mapping.rules import RuleError, Rules
from estimator_ckpt.mapping.source import Source, promote_all
from estimator_ckpt.mapping.tensors import Tensor, apply_rules, read_tensors
from estimator_ckpt.program.read_target import read_target


@paused_collector()
def convert(
    source: str | os.PathLike,
    destination: str | os.PathLike,
    style: CheckpointStyle | str,
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
    progress: Callable[[int], object] | None = None,
) -> MappingReport:
    """Writes a checkpoint of another style over the same bytes. The source is not touched.

    Args:
      source: A checkpoint of any style; anything that `bundle.paths.resolve` takes.
      destination: The prefix of the new one. In a directory, or what ends in a slash, it gets the source's name.
      style: `'tf1'`, `'tf2'` or `'both'`.
      rules: New names; see `estimator_ckpt.mapping.rules`. They match names and object paths. For `'tf1'` they give
        names, else object paths (`'model/encoder/kernel'`).
      root: For object-based styles the root's child that holds the variables that no rule places, `'vars'` by default;
        for `'tf1'` the child whose children's local names are the names, by default the guide's `vars` and `var_list`.
      optimizer: The object path at which slots become slot variables, or for each of several optimizers (`'Adam'`,
        `'Ftrl'`, ...) its own. Without one they are variables.
      step: The object path of the global step, or several, which share one tensor.
      name_step: Whether a `'tf2'` checkpoint has the global step under the key `global_step` as well, which Estimator
        and scripts read; None for what a `'tf2'` source, or `like`, has.
      keras_optimizer: The Keras optimizer whose state the slots become, values included, or for `'tf1'` whose state
        becomes TF1's: its name (`'Adam'`), itself, or its config; for several a dict by TF1's names, or by regular
        expressions for the names of their variables. The layout is that of `tf.keras.optimizers.legacy`, at
        `optimizer`, with the step as its `iter`; for others see `like`.
      hyperparameters: The hyper-parameters of `keras_optimizer` (`{'learning_rate': 0.1}`), and `iter`, the number of
        its updates, where that is not the global step; for several a dict of dicts. What is not given is read from the
        checkpoint, or from the `.meta` graph beside it; Keras's defaults stand for the rest. The report says which.
      like: A checkpoint, or a `tf.train.Checkpoint`, whose layout the new one gets: its names, and its objects. A
        tensor of it without a source, or of another shape or type, is an error. Tensors that it does not have keep
        their names.
      drop: What to leave out: kinds, as `inspect` prints them or in the plural (`'slots'`, `'averages'`, `'step'`,
        `'optimizer'`), or regular expressions for whole names. One that takes nothing is an error.
      keep: If given, all else is left out.
      promote_averages: Whether variables get the values of their moving averages, which are left out then.
      merge_slices: Whether partitioned variables become whole tensors.
      compact: Whether only the bytes that are kept are copied, into one data file; else whole data files are taken.
      data: Whether data files are linked, where the file system can, or copied.
      overwrite: Whether a checkpoint that is there under `destination` is replaced.
      write_state_file: Whether the `checkpoint` state file beside it names the new checkpoint.
      progress: Told the number of bytes behind each piece that is copied.

    Returns:
      What came from where; what was left out is under `unused`.

    Raises:
      CheckpointError: If the source cannot be read, or `destination` is the source or is there already.
      RuleError: If a rule is wrong, or matches nothing.
      MappingError: If two tensors would have one key, or `like` cannot be filled.
    """
    style, contents = CheckpointStyle(style), Contents(source)
    destination = destination_prefix(contents.reader.prefix, destination)
    _check_destination(contents.reader, destination, overwrite)
    contents.reader.check_data_files()
    _check_options(contents, style, root, optimizer, step, keras_optimizer, like)
    layout = tensors = read_tensors(contents, root)
    if promote_averages:
        tensors = promote_all(Source(contents, tensors))
    tensors, left_out = select_tensors(tensors, drop, keep)
    tensors = _apply_rules(tensors, rules, follow=like is None)
    if merge_slices:
        tensors = _merge_slices(tensors, contents.reader)
    if like is not None:
        target = read_target(like, with_slots=True)
        layout = [wanted.tensor for wanted in target.wanted]
        placed = place_like(Source(contents, tensors), target, hyperparameters)
    elif keras_optimizer is not None and style is CheckpointStyle.TF1:
        placed = place_as_tf1(Source(contents, tensors), hyperparameters)
    elif keras_optimizer is not None:
        with_names = style is CheckpointStyle.BOTH
        placed = place_with_keras(
            Source(contents, tensors), root, optimizer, step, keras_optimizer, hyperparameters, with_names
        )
    elif style is CheckpointStyle.TF1:
        placed = place_by_name(tensors)
    else:
        placed = Placement(contents, root, optimizer, step).place(tensors)
    left_out += placed.left_out
    if name_step is None:
        name_step = _names_only_step(layout)
    by_key = _by_key(placed, style, contents.reader, name_step)
    report = ConversionReport.of(contents.reader, by_key, left_out, placed)
    writer = BundleWriter(destination)
    if isinstance(contents.reader, BundleReader):
        writer.include(contents.reader, data)
    # TensorFlow's objects ask for a counter of saves; files that Keras wrote have none, and need none.
    layout_graph = contents.graph if like is None else target.graph
    is_file = like is None or isinstance(like, (str, bytes, os.PathLike))
    add_counter = (
        not is_file or layout_graph is None or layout_graph.child_key(object_keys.SAVE_COUNTER) is not None
    )
    graph = placed.layout.graph if style is not CheckpointStyle.TF1 else None
    _compose(writer, by_key, graph, contents.reader, add_counter)
    for key, value in placed.values.items():
        writer.add_tensor(key, value)
    if compact:
        writer.compact()
    writer.publish(progress)
    if write_state_file:
        base = os.path.basename(destination)
        write_state(os.path.dirname(destination), CheckpointState(base, (base,)))
    return report


def destination_prefix(source: str, destination: str | os.PathLike) -> str:
    """Returns the prefix that a destination means.

    Args:
      source: The prefix of the source.
      destination: A prefix, a directory, or what is to be one and ends in a slash. In a directory the new checkpoint
        gets the source's name.
    """
    path = as_path(destination)
    if path.endswith(('/', os.sep)) or (files_for(path).is_dir(path) and not checkpoint_exists(path)):
        return os.path.join(path, name_of(source) or 'model.ckpt')
    return path


def _check_destination(source: TensorSource, destination: str, overwrite: bool) -> None:
    files = (
        [index_path(source.prefix), source.prefix]
        if isinstance(source, BundleReader)
        else source.data_paths()
    )
    if any(same_place(path, place) for path in files for place in (destination, index_path(destination))):
        raise CheckpointError(f'{destination} is the source itself; choose another destination.')
    if not overwrite and checkpoint_exists(destination):
        raise CheckpointError(
            f'There is a checkpoint {destination} already; choose another name, or overwrite it.'
        )


def _check_options(
    contents: Contents,
    style: CheckpointStyle,
    root: str | None,
    optimizer: str | Mapping[str, str] | None,
    step: str | Sequence[str],
    keras_optimizer: Any,
    like: Any,
) -> None:
    """Refuses options that would have no effect."""
    given: dict[str, Any]
    if style is CheckpointStyle.TF1:
        given = {'optimizer': optimizer, 'step': step}
        reason = "style='tf1' has names, and no objects"
    elif like is not None:
        given = {'root': root, 'optimizer': optimizer, 'step': step}
        reason = 'like= says where everything goes'
    elif contents.graph is not None:
        given = {'root': root}
        if keras_optimizer is None:
            given |= {'optimizer': optimizer, 'step': step}
        reason = f'{contents.reader.prefix} has objects, whose tensors stay where they are; rules move them'
    else:
        return
    without_effect = [f'{option}={value!r}' for option, value in given.items() if value]
    if without_effect:
        raise CheckpointError(f'{" and ".join(without_effect)} would have no effect: {reason}.')


def _apply_rules(tensors: list[Tensor], rules: Rules, follow: bool) -> list[Tensor]:
    tensors, idle = apply_rules(tensors, rules, follow)
    if idle:
        raise RuleError(f'No tensor takes the rules {", ".join(map(repr, idle))}; mend or remove them.')
    return tensors


def _names_only_step(tensors: list[Tensor]) -> bool:
    """Returns True if the global step is the one tensor of an object that has a name too, as in a `'tf2'` file."""
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
    """Gives the new checkpoint its keys, and if it is to have objects the object graph and the counter of saves."""
    # What another format stores is written anew, tensor by tensor.
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
    """The tensor of each new key."""
    if style is CheckpointStyle.TF1:
        rows = [(name, tensor) for tensor, name, _ in placed.rows]
    elif style is CheckpointStyle.TF2:
        rows = [(object_key or name, tensor) for tensor, name, object_key in placed.rows]
        if name_step:
            rows += [
                (name, tensor) for tensor, name, key in placed.rows if key and name == object_keys.GLOBAL_STEP
            ][:1]
    else:
        # What has no name, such as a string of Keras's, has one key.
        rows = [
            (key, tensor) for tensor, *both in placed.rows for key in dict.fromkeys(reversed(both)) if key
        ]
    by_key = dict(rows)
    if len(by_key) < len(rows):
        raise _several_with_one_key(rows, reader)
    return by_key


def _several_with_one_key(rows: list[tuple[str, Tensor]], reader: TensorSource) -> MappingError:
    tensors: dict[str, list[Tensor]] = collections.defaultdict(list)
    for key, tensor in rows:
        tensors[key].append(tensor)
    report, listed = MappingReport(), []
    for key, group in sorted(tensors.items()):
        section = report.matched if len(group) == 1 else report.ambiguous
        section += [row(reader, tensor, key) for tensor in group]
        if len(group) > 1:
            listed.append(f'{key!r} from {", ".join(repr(tensor.key) for tensor in group)}')
    return MappingError(
        f'{reader.prefix}: several tensors would have one key: {"; ".join(listed)}. Rename or drop all but one.',
        report,
    )


def _fill(writer: BundleWriter, taken: dict[str, str], made: dict[str, Recipe], reader: TensorSource) -> None:
    """Gives each new key its tensor: the bytes that are there, under another shape perhaps, or computed ones."""
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
    """The report of a conversion. Its many rows are made when they are first asked for; few callers do."""

    @classmethod
    def of(
        cls, source: TensorSource, by_key: Mapping[str, Tensor], left_out: Sequence[Tensor], placed: Placed
    ) -> 'ConversionReport':
        """The report of new keys with their tensors, and of tensors that get none."""
        unused = [row(source, tensor, None, 'left out as asked') for tensor in left_out]
        report = cls(unused=unused, notes=placed.notes, warnings=placed.warnings)
        report._source, report._by_key = source, by_key
        del report.matched  # From now on the property below is what answers.
        return report

    @functools.cached_property
    def matched(self) -> list[Row]:
        return [row(self._source, tensor, key) for key, tensor in self._by_key.items()]


def row(source: TensorSource, tensor: Tensor, target: str | None, note: str = '') -> Row:
    """The row of a tensor of `source`, and of the key that it gets."""
    entry = source.entry(tensor.key)
    return Row(tensor.key, target, entry.shape, dtypes.name(entry.dtype), note)
