"""The only door to MongoDB; each module is one collection, or what they share.

Every error of the driver leaves this package as LinkError (the database is away, try
again) or SetupError (the operator must change something).
"""
