"""What is heard in a song that is known as a whole, by the same features as live."""
