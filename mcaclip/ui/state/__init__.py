"""What a browser tab works on, and how long it is kept."""
