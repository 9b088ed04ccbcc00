"""`avserver bench`: how fast, how prompt and how large this is on the machine at hand, as ratios within one run."""
