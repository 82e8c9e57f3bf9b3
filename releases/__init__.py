"""Apps, builds, releases, rollouts: everything that Deployer is about."""
