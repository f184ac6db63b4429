"""One calculus of sizes: ops that each say four things of themselves, and a loop that runs them."""
