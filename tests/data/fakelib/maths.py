import numpy


def halve(value: float) -> float:
    return float(numpy.float64(value) / 2)
