"""Words, markup and pictures as the page shows them; knows no state and no event."""
