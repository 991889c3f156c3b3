"""Everything that is trained, one module a command."""
