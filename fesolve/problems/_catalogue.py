"""All problems by their names."""

from collections.abc import Callable

from ._aiyagari import aiyagari
from ._asset_pricing import asset_pricing
from ._black_scholes import black_scholes
from ._brock_mirman import brock_mirman
from ._cake_eating import cake_eating
from ._cake_eating_hjb import cake_eating_hjb
from ._climate import climate
from ._consumption_saving import consumption_saving
from ._deterministic_growth import deterministic_growth
from ._epstein_zin_growth import epstein_zin_growth
from ._exponential import exponential
from ._growth_hjb import growth_hjb
from ._growth_path import growth_path
from ._habit_growth import habit_growth
from ._huggett import huggett
from ._human_capital import human_capital
from ._income_fluctuation import income_fluctuation
from ._krusell_smith import krusell_smith
from ._life_cycle import life_cycle
from ._linear_quadratic import linear_quadratic
from ._logistic import logistic
from ._long_plosser import long_plosser
from ._lucas_tree import lucas_tree
from ._mccall_search import mccall_search
from ._merton import merton
from ._multi_country import multi_country
from ._new_keynesian import new_keynesian
from ._optimal_advertising import optimal_advertising
from ._ordinary_least_squares import ordinary_least_squares
from ._ornstein_uhlenbeck import ornstein_uhlenbeck
from ._oscillator import oscillator
from ._overlapping_generations import overlapping_generations
from ._perpetual_put import perpetual_put
from ._poisson import poisson
from ._problem import Problem
from ._search_and_matching import search_and_matching
from ._sequential_asset_pricing import sequential_asset_pricing
from ._sequential_growth import sequential_growth
from ._skiba_growth import skiba_growth
from ._sovereign_default import sovereign_default
from ._stochastic_growth import stochastic_growth
from ._symmetric_investment import symmetric_investment
from ._two_interest_rates import two_interest_rates
from ._van_der_pol import van_der_pol
from ._zero_lower_bound import zero_lower_bound


catalogue: dict[str, Callable[..., Problem]] = {
    problem.__name__: problem
    for problem in (
        exponential,
        oscillator,
        logistic,
        van_der_pol,
        poisson,
        ordinary_least_squares,
        lucas_tree,
        cake_eating,
        mccall_search,
        search_and_matching,
        income_fluctuation,
        two_interest_rates,
        life_cycle,
        brock_mirman,
        deterministic_growth,
        sequential_asset_pricing,
        asset_pricing,
        sequential_growth,
        growth_path,
        human_capital,
        zero_lower_bound,
        skiba_growth,
        cake_eating_hjb,
        growth_hjb,
        merton,
        optimal_advertising,
        perpetual_put,
        black_scholes,
        ornstein_uhlenbeck,
        linear_quadratic,
        huggett,
        aiyagari,
        krusell_smith,
        stochastic_growth,
        epstein_zin_growth,
        habit_growth,
        long_plosser,
        new_keynesian,
        consumption_saving,
        symmetric_investment,
        overlapping_generations,
        sovereign_default,
        multi_country,
        climate,
    )
}
"""Every problem by its name: a function of the model's parameters that returns a `Problem`."""
