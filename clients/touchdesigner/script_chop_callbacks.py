"""Channels about the frames that a Script TOP with script_top_callbacks.py shows: callbacks of a Script CHOP.

width, height (px), fps, latency_ms, index, flags (1 repeated, 2 failsafe, 4 blackout), connected (0 or 1).
"""

import td


def onSetupParameters(scriptOp):
    """Make the parameter that names the Script TOP."""
    scriptOp.appendCustomPage("Avserver").appendTOP("Top", label="Script TOP")


def onPulse(par):
    """Do nothing: there is nothing to press."""


def onCook(scriptOp):
    """Write one sample a channel."""
    _ = td.absTime.frame  # whoever reads the time is cooked at every frame
    scriptOp.clear()
    scriptOp.numSamples = 1
    top = scriptOp.par.Top.eval() if scriptOp.par["Top"] is not None else None
    if top is None:
        scriptOp.addWarning("name the Script TOP that shows the frames")
        return
    for name, value in top.par.callbacks.eval().module.info(top).items():
        scriptOp.appendChan(name)[0] = value


def onGetCookLevel(scriptOp):
    """Have newer builds cook it at every frame while somebody looks at it."""
    return td.CookLevel.WHEN_USED
