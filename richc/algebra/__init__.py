"""The exact algebra: monomials in the width, sizes in max-plus, and the scaling passes."""
