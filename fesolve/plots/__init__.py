"""Figures: f, its residuals over the state space, what it does over time, and how errors fall.

Each function draws on `ax=`, or on a new figure, and returns its axes; `save` writes files.
"""

from ._convergence import coefficients as coefficients, convergence as convergence
from ._functions import functions as functions
from ._residuals import distribution as distribution, residuals as residuals
from ._simulated import density as density, paths as paths
from ._solution import solution as solution
from ._style import COLUMN as COLUMN, PAGE as PAGE, save as save
