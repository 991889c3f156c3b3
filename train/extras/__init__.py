"""What helps around the trainings: thumbnails, stand-ins for published weights."""
