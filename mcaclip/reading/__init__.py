"""What a prompt wishes for: a frozen language model, and a small network of ours that asks it questions."""
