"""The source of a batch: files, prompt sets, templates and generated prompts, and the scoring of answers.

Everything above may import it; it imports only `sanitize` and other modules at that level. It never makes a
request, and a file of any size stays on disk.
"""
