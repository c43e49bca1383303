import fakelib.errors


def absolute_v1() -> type:
    return fakelib.errors.FakeError
