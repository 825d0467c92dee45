"""Speed, measured: what is folded is simulated, what is timed is the product."""
