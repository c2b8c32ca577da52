// Package common is what members have in common whose raft, transport and log are those of different releases of etcd: their flags, the state that
// they replicate, and the commands that a test gives them.
//
// The state is the list of all that was applied, a line "INDEX TEXT" for each entry, so that two members can be compared entry by entry.
//
// Commands come on standard input, one on each line, and are answered by a line on standard output:
//
//	propose PREFIX COUNT  propose the texts PREFIX-1 to PREFIX-COUNT until each was applied here: "proposed PREFIX"
//	transfer ID           ask for leadership to be moved: "transferred"
//	status                a line of JSON
//	dump FILE             write the state to a file: "dumped"
package common

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options of a member.
type Options struct {
	ID            uint64
	ClusterID     uint64
	Peers         map[uint64]string
	Listen        string
	Data          string
	SnapshotEvery uint64
	Keep          uint64
	Stream        bool
	Cert, Key, CA string
}

// Parse reads them from the command line.
func Parse() (o Options) {
	var peers string
	flag.Uint64Var(&o.ID, "id", 0, "this member's id")
	flag.Uint64Var(&o.ClusterID, "cluster-id", 0x1000, "")
	flag.StringVar(&peers, "peers", "", "ID=URL,ID=URL for every member")
	flag.StringVar(&o.Listen, "listen", "", "HOST:PORT for the other members")
	flag.StringVar(&o.Data, "data", "", "folder for log and snapshots")
	flag.Uint64Var(&o.SnapshotEvery, "snapshot-every", 1000, "entries between two snapshots")
	flag.Uint64Var(&o.Keep, "keep", 100, "entries kept behind a snapshot")
	flag.BoolVar(&o.Stream, "stream", false, "send snapshots as the body of POST /raft/snapshot")
	flag.StringVar(&o.Cert, "cert", "", "")
	flag.StringVar(&o.Key, "key", "", "")
	flag.StringVar(&o.CA, "ca", "", "")
	flag.Parse()
	o.Peers = map[uint64]string{}
	for _, part := range strings.Split(peers, ",") {
		id, url, _ := strings.Cut(part, "=")
		n, err := strconv.ParseUint(id, 10, 64)
		Check(err)
		o.Peers[n] = url
	}
	return o
}

// IDs of all members, in order.
func (o Options) IDs() (ids []uint64) {
	for id := range o.Peers {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	return ids
}

// Check ends the program where there is an error.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Machine is the replicated state.
type Machine struct {
	mu               sync.Mutex
	lines            []string
	seen             map[string]bool
	applied          uint64
	inline, streamed int
}

// NewMachine is an empty one.
func NewMachine() *Machine { return &Machine{seen: map[string]bool{}} }

// Apply an entry; one without text only counts.
func (m *Machine) Apply(index uint64, text []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if index <= m.applied {
		return
	}
	m.applied = index
	if len(text) > 0 {
		m.lines = append(m.lines, fmt.Sprintf("%d %s", index, text))
		m.seen[string(text)] = true
	}
}

// Snapshot is all that was applied.
func (m *Machine) Snapshot() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []byte(strings.Join(m.lines, "\n"))
}

// Restore what a snapshot holds.
func (m *Machine) Restore(index uint64, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.applied, m.lines, m.seen = index, nil, map[string]bool{}
	if len(data) > 0 {
		m.lines = strings.Split(string(data), "\n")
	}
	for _, line := range m.lines {
		_, text, _ := strings.Cut(line, " ")
		m.seen[text] = true
	}
}

// Received counts a snapshot of the leader's.
func (m *Machine) Received(streamed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if streamed {
		m.streamed++
	} else {
		m.inline++
	}
}

// Applied is the index of the last entry.
func (m *Machine) Applied() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.applied
}

func (m *Machine) has(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[text]
}

// Node is a member as the commands need it.
type Node interface {
	// Propose returns when the proposal was handed over, which does not say that it will be committed.
	Propose(text string) error
	Transfer(to uint64)
	Lead() uint64
}

const (
	together   = 32 // proposals under way
	patience   = 2 * time.Second
	checkEvery = 20 * time.Millisecond
)

// Serve carries out commands until standard input ends.
func Serve(n Node, m *Machine) {
	var out sync.Mutex
	say := func(line string) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(line)
	}
	say("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch words[0] {
		case "propose":
			count, err := strconv.Atoi(words[2])
			Check(err)
			go func() {
				propose(n, m, words[1], count)
				say("proposed " + words[1])
			}()
		case "transfer":
			to, err := strconv.ParseUint(words[1], 10, 64)
			Check(err)
			n.Transfer(to)
			say("transferred")
		case "status":
			m.mu.Lock()
			text, err := json.Marshal(map[string]any{
				"lead": n.Lead(), "applied": m.applied, "count": len(m.lines), "inline": m.inline, "streamed": m.streamed,
			})
			m.mu.Unlock()
			Check(err)
			say(string(text))
		case "dump":
			Check(os.WriteFile(words[1], m.Snapshot(), 0o600))
			say("dumped")
		}
	}
}

// propose goes on with each text until it was applied: a proposal may be lost on its way, and then is made again.
func propose(n Node, m *Machine, prefix string, count int) {
	next := make(chan string)
	var workers sync.WaitGroup
	for range together {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for text := range next {
				for !m.has(text) {
					_ = n.Propose(text)
					for end := time.Now().Add(patience); !m.has(text) && time.Now().Before(end); {
						time.Sleep(checkEvery)
					}
				}
			}
		}()
	}
	for i := 1; i <= count; i++ {
		next <- fmt.Sprintf("%s-%d", prefix, i)
	}
	close(next)
	workers.Wait()
}
