"""What the sync is measured against, each in an environment of its own: `make rivals`."""
