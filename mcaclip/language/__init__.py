"""What a prompt says: grammar, words, colours. No torch here."""
