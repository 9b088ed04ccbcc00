"""Where samples come from: one contract (`source`), a file that plays in step with the show (`file`)."""
