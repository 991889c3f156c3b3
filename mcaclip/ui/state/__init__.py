"""What a browser tab works on and how long it is kept, the files and limits of visitors, the one training."""
