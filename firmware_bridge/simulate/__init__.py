"""Simulated devices that speak the true dialects: for the demo, for `fablab simulate`, and for tests."""
