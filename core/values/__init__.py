"""Values that steps hand on: IO managers and what they are told, object stores, codecs, versions that are stored."""
