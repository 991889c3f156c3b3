"""The machine below: memory, processes, files that appear whole, names, terminals."""
