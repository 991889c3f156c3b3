"""The pages beside the studio: comparing, training, inspecting."""
