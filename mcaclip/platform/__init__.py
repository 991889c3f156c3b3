"""The operating system: memory, processes, files written atomically, file names, terminals."""
