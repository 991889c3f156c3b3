"""What all trainings share: the loop, checkpoints, faces, precision."""
