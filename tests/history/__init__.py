"""Evidence against the truth: what the product computes from a simulated company's records."""
