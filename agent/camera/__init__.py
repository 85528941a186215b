"""The adapter to the FLIR Firefly DL: everything that knows the vendor's SDK (facts/firefly-dl.md)."""

from agent.camera.sdk import Sdk, load_spinnaker
from agent.camera.session import SystemOwner
from agent.camera.settings import CameraSettings, Roi, Timing, Trigger
from agent.camera.worker import WorkerCamera

__all__ = ["CameraSettings", "Roi", "Sdk", "SystemOwner", "Timing", "Trigger", "WorkerCamera", "load_spinnaker"]
