"""What happens on every event, without any layout."""
