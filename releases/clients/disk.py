"""Whose fault it is that a file can't be written: that of who named it, or of this machine's disk."""

import errno

OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


def is_to_blame(error: BaseException) -> bool:
    """Whether the machine lacks something (room, most often): the same would be written well on another one."""
    return isinstance(error, OSError) and error.errno in OF_THE_MACHINE
