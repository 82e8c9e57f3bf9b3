"""Gather what a diagnosis is made from: the cluster's objects and log tails, what the database knows, and troubles
around the app. Nothing here is judged, and nothing here raises because a cluster is away or says no."""

from releases.pipeline.examination.knowledge import known_of
from releases.pipeline.examination.report import made
from releases.pipeline.examination.rounds import Examined, examine
from releases.pipeline.examination.surroundings import troubles_around

__all__ = ["Examined", "examine", "known_of", "made", "troubles_around"]
