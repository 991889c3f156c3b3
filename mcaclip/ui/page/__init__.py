"""What is seen: components, words, looks, and which event calls which handler."""
