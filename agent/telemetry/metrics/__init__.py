"""Prometheus metrics of the agent (interfaces.md section 8); the only place that knows prometheus_client."""

from agent.telemetry.metrics.registry import Metrics, Watched

__all__ = ["Metrics", "Watched"]
