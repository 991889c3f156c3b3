"""Training and report of FaceCLIP."""
