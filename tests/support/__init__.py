"""What the tests that need real servers share: PostgreSQL, Larder, and a client that speaks the protocol byte by byte."""
