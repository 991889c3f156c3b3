"""The web page. Nothing else in the package imports it."""
