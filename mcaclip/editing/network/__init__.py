"""The edit network: Feature Fusion, latent mapper, CORAL masks."""
