"""A user's own strategy that waits in the middle of a stage while the file `hold` lies in the study's folder."""

import os
import time
from pathlib import Path

from infohorizon.strategies.base import ScoreStrategy

PATIENCE = 300  # seconds after which a forgotten job continues


class Patient(ScoreStrategy):
    """Keeps the longest states; its 37th choice (the second chunk of questions) writes its pid to `held` and waits."""

    name = "patient"
    paper = "none"
    needs = "hidden states entering the layer"
    choices = 0

    def score(self, view, keep):
        self.choices += 1
        if self.choices == 37 and Path("hold").exists():
            Path("held").write_text(str(os.getpid()))
            deadline = time.monotonic() + PATIENCE
            while Path("hold").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
        return view.hidden().norm(dim=1)
