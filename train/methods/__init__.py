"""Training of the methods that MCA-CLIP is compared with."""
