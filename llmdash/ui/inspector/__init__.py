"""The parts of the inspector: prompt, answer, attempts, chunks and headers of one job."""
