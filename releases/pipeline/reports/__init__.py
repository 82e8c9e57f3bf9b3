"""Back to GitHub: what became of a build is a commit's status, what became of a rollout a Deployment's.

What is to be told follows from the database alone: rows whose status differs from the one that was told last. Nobody
who builds or rolls out waits for GitHub.
"""

from releases.pipeline.reports.rounds import Rounds

__all__ = ["Rounds"]
