"""Suggests rules between two checkpoints, or between a checkpoint and the objects of a program."""

import collections
import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.common import formatting
from estimator_ckpt.common.gc_pause import paused_collector
from estimator_ckpt.keys.contents import Contents
from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.report import Row
from estimator_ckpt.mapping.rules import Rules
from estimator_ckpt.mapping.source import Source
from estimator_ckpt.mapping.targets import Targets
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.program.read_target import read_target
from estimator_ckpt.suggesting.alignment import align
from estimator_ckpt.suggesting.cells import suggest_cells
from estimator_ckpt.suggesting.compared import ComparedSide, ComparedTensor
from estimator_ckpt.suggesting.evidence import CERTAIN, Evidence
from estimator_ckpt.suggesting.generalization import Renaming, Task, generalize
from estimator_ckpt.suggesting.given import Given, read_given
from estimator_ckpt.suggesting.layouts import in_one_layout
from estimator_ckpt.suggesting.progress import Alignment
from estimator_ckpt.suggesting.projections import join, may_be_turned, operations_between
from estimator_ckpt.suggesting.reshaping import reshape_operations
from estimator_ckpt.suggesting.shared_tables import aligned_tables, rivals_for_tables, shared_table
from estimator_ckpt.suggesting.suggestion import SuggestedRule, Suggestion, Undecided

# Text that would end a name in a file of rules, or be read as something else.
_UNWRITABLE = re.compile(r'->|,|\s[#|]|^\s|\s$|[\n\r]|^#')
# The number of possible sources of a target that are listed; of further ones only the number is given.
_MAX_CANDIDATES = 20
# The only steps of both sides correspond, but which counter a program regards as its step is a convention.
_BOTH_STEPS = Evidence(0.9, 0.0, 0.0)


@paused_collector()
def suggest_rules(source: str | os.PathLike, target: Any, rules: Rules = None) -> Suggestion:
    """Suggests rules that give the variables of a checkpoint the names or object paths of a target.

    Variables are aligned by their shapes, by the order of their layers, and by the numbers and words of their names;
    ambiguous ones are listed. Slots follow their variables without rules, and moving averages are ignored. No tensor is
    read.

    Args:
      source: A checkpoint of any style.
      target: A checkpoint, or a `tf.train.Checkpoint` whose variables exist.
      rules: What is known: rules for some of the variables, which are kept, or for the names of their scopes, such as
        `G/(.*) -> G_A2B/\\1`, by which the search tells parts apart that are alike.

    Returns:
      The rules, and the variables without a rule.

    Raises:
      CheckpointError: If a checkpoint cannot be read.
      RuleError: If a rule is malformed.
      TypeError: If the target is neither.
    """
    contents, targets = Contents(source), read_target(target)
    origin = Source.read(contents)
    given = read_given(rules, origin, targets)
    cells = suggest_cells(
        origin.of([t for t in origin.tensors if t.key not in given.sources]),
        dataclasses.replace(targets, wanted=[w for w in targets.wanted if w.tensor.key not in given.targets]),
    )
    sources = {*cells.sources, *given.sources}.difference(given.pairs)
    settled = {*cells.targets, *given.targets}.difference(given.pairs.values())
    tensors = [tensor for tensor in origin.tensors if tensor.key not in sources]
    entries = [contents.reader.entry(tensor.key) for tensor in tensors]
    rows = [
        ComparedTensor(t, _names(t, given.renamed), e.shape, e.dtype)
        for t, e in zip(tensors, entries, strict=True)
    ]
    wanted = [w for w in targets.wanted if w.tensor.key not in settled]
    target_rows = [ComparedTensor(w.tensor, w.tensor.candidates, w.shape, w.dtype) for w in wanted]
    rows, target_rows = in_one_layout(rows, target_rows)
    sides = (
        ComparedSide(rows, contents.graph),
        ComparedSide(target_rows, targets.graph, _creation_order(targets)),
    )
    for ours, theirs in (sides, sides[::-1]):
        ours.leave_out_copies(theirs)
    source_variables, target_variables = (side.variables for side in sides)
    sides[0].variables = join(source_variables, target_variables)
    sides[1].variables = join(target_variables, source_variables)
    suggestion = _Suggester(*sides, given).run(others=len(cells.targets))
    suggestion.rules = [*cells.rules, *suggestion.rules, *given.rules]
    suggestion.notes += given.notes
    return suggestion


def _names(tensor: Tensor, renamed: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the names that a tensor is compared by."""
    return (renamed[tensor.key],) if tensor.key in renamed else tensor.candidates


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Claim:
    """A tensor of the source that corresponds to a tensor of the target."""

    source: ComparedTensor
    target: ComparedTensor
    evidence: Evidence

    @property
    def source_names(self) -> list[str]:
        """All names of the tensors of the source."""
        return [name for part in self.source.of_one for name in part.tensor.candidates]


class _Suggester:
    def __init__(self, source: ComparedSide, target: ComparedSide, given: Given):
        self._source, self._target, self._given = source, target, given
        rows = [row for row in source.all if row.tensor.key not in given.pairs]
        self._by_name, self._by_path = ({t.tensor.candidates[view]: t for t in rows} for view in (0, -1))
        self._source_names = collections.Counter(name for t in rows for name in t.tensor.candidates)

    def run(self, others: int) -> Suggestion:
        known = self._known()
        alignment = align(self._source.aligned_as(), self._target.aligned_as(), others, known)
        claims = [
            _Claim(self._source.variables[s], self._target.variables[t], alignment.evidence[t])
            for t, s in sorted(alignment.sources.items())
            if t not in known
        ]
        claims += self._steps()
        result = Suggestion()
        by_name = {claim for claim in claims if self._default(claim.target) is claim.source}
        result.by_name = [(c.source.tensor.key, c.target.tensor.name) for c in claims if c in by_name]
        written = by_name | self._write_rules([c for c in claims if c not in by_name], by_name, result)
        self._list_remaining(alignment, written, result)
        result.notes += self._notes(written)
        return result

    def _known(self) -> dict[int, int]:
        """Returns the source of each variable of the target to which a given rule gives one, by their numbers."""
        numbers = {row.tensor.key: n for n, row in enumerate(self._source.variables) if not row.parts}
        wanted = {row.tensor.key: n for n, row in enumerate(self._target.variables) if not row.parts}
        pairs = self._given.pairs.items()
        return {wanted[t]: numbers[s] for s, t in pairs if s in numbers and t in wanted}

    def _default(self, target: ComparedTensor) -> ComparedTensor | None:
        """Returns the source of a target without a rule: like `plan`, by the same name, then by the same path."""
        namesake = self._by_name.get(target.names[0]) or self._by_path.get(target.names[-1])
        fits = (
            namesake is not None
            and not target.parts
            and (namesake.own_shape, namesake.dtype) == (target.own_shape, target.dtype)
        )
        return namesake if fits else None

    def _steps(self) -> list[_Claim]:
        targets = self._target.steps or self._target.iterations
        if len(self._source.steps) != 1 or len(targets) != 1:
            return []
        [source], [target] = self._source.steps, targets
        same = source.names[0] == target.names[0]
        return [_Claim(source, target, CERTAIN if same else _BOTH_STEPS)]

    def _write_rules(self, claims: list[_Claim], by_name: set[_Claim], result: Suggestion) -> set[_Claim]:
        """Writes rules by names or by paths of both sides, whichever are fewer, and returns the claims they cover."""
        tasks, new_views = [], []
        # Paths of the target are tried first, because they are right also for `convert` without `like=`.
        for new_view in (-1, 0) if _has_paths(self._target) else (-1,):
            names = self._new_names([*claims, *by_name], new_view)
            for old_view in (0, -1) if _has_paths(self._source) else (0,):
                tasks.append(self._task(claims, names, old_view))
                new_views.append(new_view)
        best, rules = generalize(tasks)
        new_view = new_views[best]
        result.gives_paths = new_view == -1 and _has_paths(self._target)
        by_old = {
            name: (claim, part.tensor.key)
            for claim in claims
            for part in claim.source.of_one
            for name in part.tensor.candidates
        }
        written: set[_Claim] = set()
        for rule in rules:
            of_rule = [by_old[renaming.old] for renaming in rule.renamings]
            weakest = min((claim.evidence for claim, _ in of_rule), key=lambda evidence: evidence.confidence)
            pairs = sorted((key, part.tensor.name) for claim, key in of_rule for part in claim.target.of_one)
            written.update(claim for claim, _ in of_rule)
            result.rules.append(
                SuggestedRule(rule.pattern, rule.replacement, rule.operations, weakest, pairs)
            )
        return written

    def _new_names(self, claims: list[_Claim], view: int) -> dict[_Claim, str]:
        """Returns a name of each target that no other target has, of `view` if possible."""
        owners = collections.Counter(name for target in self._target.all for name in target.names)
        new_names = {}
        for claim in claims:
            columns = list(zip(*(part.names for part in claim.target.of_one), strict=False))
            names = [
                names
                for names in (columns[view], *columns)
                if all(owners[name] == 1 and _is_writable(name) for name in names)
            ]
            # Not every shape can be written as an operation, such as that of a scalar; and not every one is sure.
            can_be_made = next(_operations(claim), None) is not None
            if names and can_be_made and not any('\n' in name for name in claim.source_names):
                # A rule names the targets that it divides a tensor into one after another.
                new_names[claim] = ', '.join(names[0])
        return new_names

    def _task(self, claims: list[_Claim], names: dict[_Claim, str], view: int) -> Task:
        further: dict[str, str | None] = {
            name: None for row in self._source.all for name in row.tensor.candidates
        }
        for claim, new in names.items():
            further |= dict.fromkeys(claim.source_names, new)
        renamings = [
            Renaming(part.tensor.candidates[view], names[claim], tuple(_operations(claim)))
            for claim in claims
            if claim in names
            for part in claim.source.of_one
        ]
        return Task(renamings, further)

    def _list_remaining(self, alignment: Alignment, written: set[_Claim], result: Suggestion) -> None:
        sources, targets = {c.source for c in written}, {c.target for c in written}
        sources |= {row for row in self._source.all if row.tensor.key in self._given.pairs}
        targets |= {row for row in self._target.all if row.tensor.key in self._given.targets}
        steps = list(
            range(len(self._source.variables), len(self._source.variables) + len(self._source.steps))
        )
        candidates = alignment.candidates | {t: [s] for t, s in alignment.sources.items()}
        tables = aligned_tables((claim.source, claim.target) for claim in written)
        all_sources = self._source.variables + self._source.steps
        remaining = self._target.variables + self._target.steps + self._target.copies
        for number, target in enumerate(remaining):
            if target in targets:
                continue
            possible = steps if target in self._target.steps else candidates.get(number, [])
            for part in target.of_one:
                fields = (part.tensor.name, part.own_shape or (), dtypes.name(part.dtype))
                if possible:
                    keys = [r.tensor.key for s in possible[:_MAX_CANDIDATES] for r in all_sources[s].of_one]
                    result.ambiguous.append(Undecided(*fields, keys, max(0, len(possible) - _MAX_CANDIDATES)))
                else:
                    result.missing.append(Row(None, *fields, shared_table(part, tables)))
            if number in alignment.sources:
                result.notes.append(f'No rule can be written for {target.tensor.name!r}.')
            default = self._default(target)
            if default is not None and default not in sources:
                self._leave_out(default, target, result)
        result.notes += rivals_for_tables(result.ambiguous)
        for source in all_sources:
            if source not in sources:
                result.unused += [
                    Row(part.tensor.key, None, part.own_shape, dtypes.name(part.dtype))
                    for part in source.of_one
                ]

    def _leave_out(self, source: ComparedTensor, target: ComparedTensor, result: Suggestion) -> None:
        """Leaves out a variable that only its name makes the source of another one."""
        name = next(
            (n for n in source.tensor.candidates if self._source_names[n] == 1 and _is_writable(n)), None
        )
        if name is not None:
            result.left_out.append((name, target.tensor.name))
        else:
            result.notes.append(
                f'A plan takes {source.tensor.key!r} for {target.tensor.name!r} nevertheless.'
            )

    def _notes(self, written: set[_Claim]) -> Iterator[str]:
        targets = {claim.target for claim in written}
        unmatched = [row for row in self._target.iterations if row not in targets]
        self._target.ignored[Kind.OPTIMIZER] += len(unmatched)
        self._source.ignored[Kind.AVERAGE] += len(self._source.copies)
        self._source.ignored[Kind.OPTIMIZER] += len(self._source.iterations)
        for side, title in ((self._source, 'source'), (self._target, 'target')):
            counts = [f'{kind} ({count:,})' for kind, count in sorted(side.ignored.items()) if count]
            if counts:
                yield f'Ignored in the {title}: {", ".join(counts)}.'
        if self._target.slots:
            yield f'{formatting.count(self._target.slots, "slot")} of the target follow their variables without a rule.'


def _creation_order(targets: Targets) -> dict[str, int]:
    """Returns the places of the variables of a program, by key, in the order in which they were made, if that is known.

    It is the order of the calls, in which TF1 makes variables. That of the attributes is another one if layers are made
    before they are called, and in functional models of Keras, which put deeper branches first.
    """
    if not any(wanted.variable is not None for wanted in targets.wanted):
        return {}
    # Only objects need TensorFlow.
    from estimator_ckpt.program.tensorflow_internals import creation_number

    numbers = {wanted.tensor.key: creation_number(wanted.variable) for wanted in targets.wanted}
    known = {key: number for key, number in numbers.items() if number is not None}
    return known if len(set(known.values())) == len(known) else {}


def _is_writable(name: str) -> bool:
    return name.isprintable() and not _UNWRITABLE.search(name)


def _has_paths(side: ComparedSide) -> bool:
    return any(len(row.names) > 1 for row in side.variables)


def _operations(claim: _Claim) -> Iterator[str]:
    if may_be_turned(claim.source, claim.target):
        return
    cast = '' if claim.source.dtype == claim.target.dtype else f'cast={dtypes.name(claim.target.dtype)}'
    texts: Iterable[str] = reshape_operations(claim.source.shape or (), claim.target.shape or ())
    if claim.source.parts or claim.target.parts:
        texts = operations_between(claim.source, claim.target)
    before, after = claim.source.transposed(), claim.target.transposed(back=True)
    for text in texts:
        yield ' '.join(filter(None, [before, text, after, cast]))
