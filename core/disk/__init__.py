"""Files and folders on the local disk: written whole or not at all, named safely, deleted with care."""
