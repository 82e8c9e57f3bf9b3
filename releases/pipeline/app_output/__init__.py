"""What an app's processes write, read from the cluster on demand: what is there (`history`), and what comes.

Nothing of it is stored. All who follow one app in a web process share one reading of its processes (`upstream`);
whoever is too slow for that reads on alone from where they are, and joins the others again.
"""
