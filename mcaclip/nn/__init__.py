"""What networks share: layers, and the strict reading and writing of files of weights."""
