"""A histogram of durations in fixed memory."""

import math

# Steps within each doubling: a bucket is at most 1/64 of its value wide.
STEPS_LOG2 = 6
STEPS = 1 << STEPS_LOG2
BUCKETS = (64 - STEPS_LOG2 + 1) * STEPS


class Histogram:
    """Counts durations in nanoseconds, to 1.6 % of their value."""

    def __init__(self) -> None:
        self._counts = [0] * BUCKETS
        self.count = 0
        self.max = 0

    def record(self, nanoseconds: int) -> None:
        """Counts a duration of 0 to 2⁶⁴ - 1 nanoseconds."""
        shift = max(nanoseconds.bit_length() - 1 - STEPS_LOG2, 0)
        # The first STEPS values have a bucket each; then every doubling has STEPS buckets.
        self._counts[shift * STEPS + (nanoseconds >> shift)] += 1
        self.count += 1
        self.max = max(self.max, nanoseconds)

    def quantile(self, part: float) -> int:
        """The upper edge of the bucket below which ``part`` (0 to 1) of all durations lie; 0 where there are none."""
        wanted = max(math.ceil(self.count * part), 1)
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen >= wanted:
                return min(upper_edge(index), self.max)
        return 0


def upper_edge(index: int) -> int:
    if index < 2 * STEPS:
        return index
    shift = index // STEPS - 1
    return ((index % STEPS + STEPS + 1) << shift) - 1
