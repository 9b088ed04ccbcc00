"""What is heard: hop by hop, from samples to `Signals`. `analyser` pulls, one module a noun does the listening."""
