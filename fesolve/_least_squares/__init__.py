"""A risk and a hypothesis as a least-squares problem in theta, and the linear algebra for it."""
