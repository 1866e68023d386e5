"""A first guess."""

from ._fit import fit as fit
