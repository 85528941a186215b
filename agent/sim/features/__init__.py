"""What the registers of the simulated camera mean, room by room as in `agent.sim.nodes`."""
