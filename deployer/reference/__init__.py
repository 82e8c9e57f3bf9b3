"""docs/command.md and docs/api.md, from the code that they describe. `python -m deployer.reference` writes them."""
