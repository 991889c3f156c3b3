"""Photos in and pictures out: reading, aligning, colours, measuring, showing."""
