"""The edit network: text and W+ code in, shift and masks out."""
