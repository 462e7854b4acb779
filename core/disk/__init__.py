"""Files and folders on the local disk.

- `atomic_file`: files that appear complete or not at all.
- `private`: new files and folders that only their user can read.
- `paths`: names from outside as safe file names.
- `deleting`: deletion that may be interrupted, repeated, and done by two processes at once.
- `copying`: the rest of a stream into another one.
- `spool`: what is encoded already and will be stored later.
- `temporary`: temporary directories that are deleted with their owner.
- `local_copies`: temporary copies for readers that need a path.
"""
