"""How the batch services of providers are spoken to: pure readers and writers of what they take and tell, and
the classes that ask them, which implement `llms.batches.Batches`.
"""
