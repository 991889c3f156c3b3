"""What is seen: components, looks, and which event calls which handler."""
