"""The pictures in the README, made from the app itself: `python -m tests.readme_pictures`."""
