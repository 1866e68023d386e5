from ._aiyagari import aiyagari as aiyagari
from ._asset_pricing import asset_pricing as asset_pricing
from ._black_scholes import black_scholes as black_scholes
from ._brock_mirman import brock_mirman as brock_mirman
from ._cake_eating import cake_eating as cake_eating
from ._cake_eating_hjb import cake_eating_hjb as cake_eating_hjb
from ._catalogue import catalogue as catalogue
from ._climate import climate as climate
from ._consumption_saving import consumption_saving as consumption_saving
from ._deterministic_growth import deterministic_growth as deterministic_growth
from ._epstein_zin_growth import epstein_zin_growth as epstein_zin_growth
from ._exponential import exponential as exponential
from ._growth_hjb import growth_hjb as growth_hjb
from ._growth_path import growth_path as growth_path
from ._habit_growth import habit_growth as habit_growth
from ._huggett import huggett as huggett
from ._human_capital import human_capital as human_capital
from ._income_fluctuation import income_fluctuation as income_fluctuation
from ._krusell_smith import krusell_smith as krusell_smith
from ._life_cycle import life_cycle as life_cycle
from ._linear_quadratic import linear_quadratic as linear_quadratic
from ._logistic import logistic as logistic
from ._long_plosser import long_plosser as long_plosser
from ._lucas_tree import lucas_tree as lucas_tree
from ._mccall_search import mccall_search as mccall_search
from ._merton import merton as merton
from ._multi_country import multi_country as multi_country
from ._new_keynesian import new_keynesian as new_keynesian
from ._optimal_advertising import optimal_advertising as optimal_advertising
from ._ordinary_least_squares import ordinary_least_squares as ordinary_least_squares
from ._ornstein_uhlenbeck import ornstein_uhlenbeck as ornstein_uhlenbeck
from ._oscillator import oscillator as oscillator
from ._overlapping_generations import overlapping_generations as overlapping_generations
from ._perpetual_put import perpetual_put as perpetual_put
from ._poisson import poisson as poisson
from ._problem import (
    by_quadrature as by_quadrature,
    by_sampling as by_sampling,
    Choice as Choice,
    Problem as Problem,
    Reference as Reference,
)
from ._search_and_matching import search_and_matching as search_and_matching
from ._sequential_asset_pricing import sequential_asset_pricing as sequential_asset_pricing
from ._sequential_growth import sequential_growth as sequential_growth
from ._skiba_growth import skiba_growth as skiba_growth
from ._sovereign_default import sovereign_default as sovereign_default
from ._stochastic_growth import stochastic_growth as stochastic_growth
from ._symmetric_investment import symmetric_investment as symmetric_investment
from ._two_interest_rates import two_interest_rates as two_interest_rates
from ._van_der_pol import van_der_pol as van_der_pol
from ._zero_lower_bound import zero_lower_bound as zero_lower_bound
