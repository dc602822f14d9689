"""How plots look, wherever they are drawn."""

from typing import Any, Final

from cycler import cycler

# Colours that the colour-blind can tell apart: Okabe and Ito, "Color Universal Design", 2008.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A7B52", "#F0E442", "#3B4754")
STYLE: Final[dict[Any, Any]] = {  # matplotlib's names
    "font.family": "sans-serif",
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "grid.color": "#e3e6ea",
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: a browser has fonts
}
