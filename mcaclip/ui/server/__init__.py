"""What stands between the page and other people: gate, limits, files, endpoints, health."""
