"""Face generators driven by W+ codes, and synthesis written against their shared protocol."""
