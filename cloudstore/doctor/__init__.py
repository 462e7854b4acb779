"""`cloudstore doctor`: tries out the configuration."""

from cloudstore.doctor.command import doctor
from cloudstore.doctor.probe import probe
from cloudstore.doctor.target import EVERYTHING, READING, ModeTargets, Target, target_of_logs

__all__ = ["EVERYTHING", "READING", "ModeTargets", "Target", "doctor", "probe", "target_of_logs"]
