"""`avserver doctor`: what works on this machine, and what to do about what does not.

`finding` is what a check brings back, `examination` runs them all; the others look at one side of the machine each.
"""
