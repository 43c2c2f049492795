from phosphene.rng import Stream
def test_a(): assert len(Stream.of([1]))==1
