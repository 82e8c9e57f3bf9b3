"""What the `deployer` command does, a module for each noun."""
