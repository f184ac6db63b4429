"""Exponents that are not given: solving for holes, and the smallest repair of a failing spec."""
