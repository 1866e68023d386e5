"""Iterations on functions of theta alone, which know nothing of risks."""
