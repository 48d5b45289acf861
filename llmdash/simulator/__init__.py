"""An endpoint to practise on: a real server on loopback that speaks the real dialect, in its own process."""
