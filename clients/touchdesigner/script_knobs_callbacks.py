"""Every parameter of a running avserver as a knob, and a channel for an OSC Out CHOP: callbacks of a Script CHOP.

Setup Parameters, then Read: the knobs are made of what the server's OSCQuery tells, a page for each group, where they
stand now. A knob is labelled with its address; its channel is the same with avserver before it, which is where an
OSC Out CHOP sends it to. Buttons are 1 while they are pressed. Knobs are saved with the project; after a change of the
mapping press Read again. Seeds are left out: a channel holds no whole numbers of that size.
"""

import json
import string
import urllib.request

import td

PAGE = "Avserver"
ROOT = "/avserver"
PATIENCE_S = 3.0


def leaves(node):
    """Yield the addresses below a node of OSCQuery's tree that take something."""
    for below in node.get("CONTENTS", {}).values():
        if "TYPE" in below:
            yield below
        yield from leaves(below)


def name_of(address):
    """Return a knob's name: TouchDesigner wants a capital, then small letters and digits."""
    return "".join(
        letter for letter in address.lower() if letter in string.ascii_lowercase + string.digits
    ).capitalize()


def make_knob(page, name, node):
    """Make the knob of an address; none for what no channel can hold."""
    label, kind = node["FULL_PATH"].removeprefix(ROOT), node["TYPE"]
    if kind == "N":
        page.appendMomentary(name, label=label)
        return
    if "VALUE" not in node or kind not in ("f", "i", "T", "s"):
        return
    append = {"f": page.appendFloat, "i": page.appendInt, "T": page.appendToggle, "s": page.appendMenu}[kind]
    par = append(name, label=label)[0]
    if kind == "s":
        par.menuNames = par.menuLabels = node["RANGE"][0]["VALS"]
    elif kind != "T":
        par.min = par.normMin = node["RANGE"][0]["MIN"]
        par.max = par.normMax = node["RANGE"][0]["MAX"]
        par.clampMin = par.clampMax = True
    par.default, par.val = node["DEFAULT_VALUE"][0], node["VALUE"][0]


def read(scriptOp):
    """Make the knobs of all parameters that the server has now; others go."""
    url = scriptOp.par.Server.eval().rstrip("/") + ROOT
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 (the user's own address)
        tree = json.load(answer)
    for page in list(scriptOp.customPages):
        if page.name != PAGE:
            page.destroy()
    taken = set()
    for group, below in tree["CONTENTS"].items():
        page = scriptOp.appendCustomPage(group.capitalize())
        for node in [below] if "TYPE" in below else leaves(below):
            name = name_of(node["FULL_PATH"].removeprefix(ROOT))
            while name in taken:  # /a/bc and /ab/c
                name += "x"
            taken.add(name)
            make_knob(page, name, node)


def onSetupParameters(scriptOp):
    """Make the parameters of this operator itself; TouchDesigner calls it when Setup Parameters is pressed."""
    page = scriptOp.appendCustomPage(PAGE)
    server = page.appendStr("Server", label="OSCQuery of avserver")[0]
    server.default = server.val = "http://127.0.0.1:9001"
    page.appendPulse("Read", label="Read")


def onPulse(par):
    """Read the table when Read is pressed; what is wrong with the server stands in the textport."""
    if par.name == "Read":
        read(par.owner)


def onCook(scriptOp):
    """Write a channel of one sample for each knob."""
    scriptOp.clear()
    scriptOp.numSamples = 1
    knobs = [par for par in scriptOp.customPars if par.label.startswith("/")]
    for par in knobs:
        channel = scriptOp.appendChan((ROOT + par.label).lstrip("/"))
        channel[0] = float(par.menuIndex if par.isMenu else par.eval())
    if not knobs:
        scriptOp.addWarning("press Read while avserver is running")


def onGetCookLevel(scriptOp):
    """Have newer builds cook it whenever a knob is turned, looked at or not."""
    return td.CookLevel.ON_CHANGE
