"""An endpoint to practise on: a real server on loopback that speaks the real dialects, in its own process."""
