"""Face networks: identity and parsing, and what is measured with them."""
