"""Reading logs on the local disk, as they are: nothing is taken up or changed for it."""

from __future__ import annotations

from core.compute_logs.log_files import LogFiles
from core.compute_logs.names import ComputeIOType, LogName
from core.compute_logs.pieces import ComputeLogFileData, read_piece
from core.compute_logs.writers import find_dead


def is_ended(files: LogFiles, log: LogName) -> bool:
    """Whether it is noted that a log is complete, or the process that wrote it is dead."""
    return bool(files.completed.says(log)) or find_dead(files, log) is not None


def read_log(files: LogFiles, log: LogName, io_type: ComputeIOType, cursor: int, max_bytes: int) -> ComputeLogFileData:
    """A piece of a log, as `ComputeLogManager.read_logs_file`; an empty one where the log is not here."""
    path = files.path(log, io_type)
    if files.completed.says(log):
        return read_piece(path, cursor, max_bytes, is_complete=True)
    end = None if files.size_cap is None else files.size_cap.head_bytes
    dead = find_dead(files, log)
    if dead is not None and not files.is_too_long(path):
        end = None
    piece = read_piece(path, cursor, max_bytes, dead is not None, end)
    if piece.path is None and dead is not None and dead.nameless_stem is not None:  # its file may lack the log's name
        nameless = files.nameless(log, io_type, dead.nameless_stem)
        piece = read_piece(nameless, cursor, max_bytes, is_complete=True)
        if piece.path is None:  # somebody has recovered it just now
            piece = read_piece(path, cursor, max_bytes, is_complete=True)
    return piece
