"""Texts of a pod's status: times and durations."""


def seconds(moment: str) -> str:
    """An RFC 3339 time without its decimals."""
    return f"{moment[:19]}Z"


def duration(length: float) -> str:
    """Seconds as Go writes them: `10s`, `2m40s`, `500ms`."""
    if length < 1:
        return f"{round(length * 1000)}ms"
    minutes, rest = divmod(length, 60)
    text = f"{rest:g}s"
    return f"{int(minutes)}m{text}" if minutes else text


def precise_duration(length: float) -> str:
    """Seconds as Go writes a measured time, to the millisecond: `1.204s`, `3ms`."""
    return f"{round(length, 3):g}s" if length >= 1 else f"{max(1, round(length * 1000))}ms"
