"""Who may turn what: the table of parameters, the mapping file, and those who turn the knobs."""
