"""From an economic model to its residual, steady state, first-order solution and prices."""

from ._equilibrium import equilibrium as equilibrium
from ._first_order import first_order as first_order, FirstOrder as FirstOrder
from ._residuals import bellman_residual as bellman_residual, euler_residual as euler_residual
from ._second_order import second_order as second_order, SecondOrder as SecondOrder
from ._steady_state import steady_state as steady_state
