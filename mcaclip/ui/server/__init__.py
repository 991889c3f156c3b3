"""The server around the page: request checks, folder, endpoints, health."""
