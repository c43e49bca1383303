class FakeError(Exception):
    pass
