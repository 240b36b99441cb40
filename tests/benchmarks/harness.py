"""What the benchmarks share: interleaved runs in one process, and a table of ratios."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    before_each: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """Times each contender once per round, in turn, after one round that does not count.

    Args:
      contenders: What to time.
      rounds: How many rounds count; each begins with another contender.
      before_each: Run before each timing, such as to let the disk come to rest.

    Returns:
      For each contender its seconds, round by round, so that ratios can be formed within a round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            run = contenders[name]
            before_each()
            start = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], contender: str, baseline: str) -> float:
    """The median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(seconds[contender], seconds[baseline], strict=True))


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows under a header, numbers to four digits."""
    cells = [[f'{cell:.4g}' if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    print(f'\n{title}')
    for row in [header, *cells]:
        print('  ' + '  '.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def bytes_on_disk(directory: str) -> int:
    """The bytes of all data files in a directory."""
    return sum(
        os.path.getsize(os.path.join(directory, name)) for name in os.listdir(directory) if '.data-' in name
    )
