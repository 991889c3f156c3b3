"""The methods that MCA-CLIP is compared with."""
