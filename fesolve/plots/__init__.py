"""Figures: f, its residuals over the state space, and their distribution."""

from ._functions import functions as functions
from ._residuals import distribution as distribution, residuals as residuals
from ._solution import solution as solution
