"""What a model is: names resolved, repeats unrolled, expressions reduced to monomials."""
