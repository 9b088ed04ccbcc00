"""The commands of the command line. Thin: parse, build, call; what is heavy is imported by the one that needs it."""
