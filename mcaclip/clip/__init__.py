"""Text and image in one space: FaceCLIP or any open_clip model, and the words that prompts are made of."""
