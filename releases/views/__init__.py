"""Pages: HTTP in, actions asked, HTML out."""
