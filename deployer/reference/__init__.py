"""The pages of docs/ that are made from the code that they describe. `python -m deployer.reference` writes them."""
