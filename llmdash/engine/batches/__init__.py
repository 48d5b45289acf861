"""The providers' batch services: jobs that are sent together, answered later, at a lower price.

Beside the runner: a job that is lent to a batch is nobody else's until the batch has its outcome.
"""
