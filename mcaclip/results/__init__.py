"""What a user keeps: result folders, pictures with their settings, session files."""
