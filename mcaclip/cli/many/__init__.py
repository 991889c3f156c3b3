"""Commands on many photos: rows of work, the one way to do a row, engines that do them, and the summary."""
