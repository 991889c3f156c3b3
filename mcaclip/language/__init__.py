"""The meaning of a prompt: grammar, words, colours. No torch here."""
