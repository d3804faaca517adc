"""Which questions to ask the decoder: token information, sweeps over strategies, schedules."""

from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.questioner import Asked, Questioner, Setting
from infohorizon.measure.schedules import Stage, run_schedule
from infohorizon.measure.sweep import run_sweep, settings_of

__all__ = [
    "Asked",
    "Measurement",
    "Questioner",
    "Setting",
    "Stage",
    "run_schedule",
    "run_sweep",
    "settings_of",
    "token_information",
]
