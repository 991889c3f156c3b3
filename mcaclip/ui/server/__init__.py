"""What stands between the page and other people: gate, folders, endpoints, health."""
