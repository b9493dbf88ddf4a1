"""A simulated night with a known truth, reduced and checked against it."""
