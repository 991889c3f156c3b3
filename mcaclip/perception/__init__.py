"""Networks that look at faces: identity (and, beside it, parsing)."""
