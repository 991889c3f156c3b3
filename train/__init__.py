"""Everything that is trained, a module per command."""
