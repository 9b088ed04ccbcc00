"""Making what is learned: music to learn from, and networks that learn. Nothing that plays imports this."""
