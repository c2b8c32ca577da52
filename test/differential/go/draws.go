package main

// byteSource is what crypto/rand reads from: the same bytes that the other side draws from. Without a seed all are
// zero, which makes every election timeout the shortest.
type byteSource struct {
	seeded bool
	state  uint32
	count  int
}

var draws = &byteSource{}

func (s *byteSource) seed(seed uint32) { *s = byteSource{seeded: true, state: seed} }

func (s *byteSource) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = s.next()
	}
	return len(p), nil
}

func (s *byteSource) next() byte {
	s.count++
	if !s.seeded {
		return 0
	}
	s.state += 0x6d2b79f5
	mixed := (s.state ^ s.state>>15) * (s.state | 1)
	mixed ^= mixed + (mixed^mixed>>7)*(mixed|61)
	return byte((mixed ^ mixed>>14) >> 24)
}
