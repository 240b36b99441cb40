"""What a conversion did, tensor by tensor."""

import functools
from collections.abc import Mapping, Sequence

from estimator_ckpt.bundle import dtypes
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.mapping.report import MappingReport, Row
from estimator_ckpt.mapping.tensors import Tensor


class ConversionReport(MappingReport):
    """The report of a conversion. Its many rows are made when they are first asked for; few callers do."""

    @classmethod
    def of(
        cls, source: BundleReader, by_key: Mapping[str, Tensor], left_out: Sequence[Tensor], notes: list[str]
    ) -> 'ConversionReport':
        """The report of new keys with their tensors, and of tensors that get none."""
        unused = [row(source, tensor, None, 'left out as asked') for tensor in left_out]
        report = cls(unused=unused, notes=notes)
        report._source, report._by_key = source, by_key
        del report.matched  # From now on the property below is what answers.
        return report

    @functools.cached_property
    def matched(self) -> list[Row]:
        return [row(self._source, tensor, key) for key, tensor in self._by_key.items()]


def row(source: BundleReader, tensor: Tensor, target: str | None, note: str = '') -> Row:
    """The row of a tensor of `source`, and of the key that it gets."""
    entry = source.entry(tensor.key)
    return Row(tensor.key, target, entry.shape, dtypes.name(entry.dtype), note)
