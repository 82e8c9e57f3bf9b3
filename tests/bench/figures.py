"""How figures are printed, and what they are made of."""

from collections.abc import Sequence
from statistics import quantiles


def show(name: str, value: str, *, target: str = "") -> None:
    print(f"  {name:<58} {value:>16}" + (f"   target {target}" if target else ""), flush=True)


def title(words: str) -> None:
    print(f"\n{words}", flush=True)


def percentile(values: Sequence[float], percent: int) -> float:
    """0 without values."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]
