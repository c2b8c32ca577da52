package main

import (
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// session is a set of members that are driven line by line.
type session struct {
	out     transcript
	members map[uint64]*member
}

// store is a member's log, which can be told to have no snapshot at hand.
type store struct {
	*raft.MemoryStorage
	busy bool
}

func (s *store) Snapshot() (*pb.Snapshot, error) {
	if s.busy {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return s.MemoryStorage.Snapshot()
}

type member struct {
	storage *store
	node    *raft.RawNode
	async   bool
	// appends are the writes that were asked for and not done.
	appends []*pb.Message
	// shown is the dump that was last answered.
	shown string
}

func newSession() *session {
	draws.seed(0)
	return &session{members: map[uint64]*member{}}
}

// playSession answers every line of a session, and then every line that begins with "?": those are tried out where
// they stand, on a session of their own that is thrown away, because they may leave a member in any state.
func playSession(lines []string) string {
	s := newSession()
	var tries []int
	for i, line := range lines {
		if strings.HasPrefix(line, "?") {
			tries = append(tries, i)
			continue
		}
		if reason := s.try(line); reason != "" {
			s.out.text.WriteString(reason)
			break
		}
		s.out.text.WriteString(".\n")
	}
	for _, i := range tries {
		s.out.text.WriteString(tryOut(lines[:i], lines[i][1:]))
	}
	return s.out.text.String()
}

// tryOut says what a line leads to after those before it: a panic, a change of the member's state, or nothing.
func tryOut(before []string, line string) string {
	s := newSession()
	s.out.mute = true
	for _, earlier := range before {
		if !strings.HasPrefix(earlier, "?") {
			if reason := s.try(earlier); reason != "" {
				return "? unreachable\n"
			}
		}
	}
	m := s.members[number(strings.Split(line, " ")[1])]
	known := ""
	if m != nil {
		known = dump(m.node, m.storage.MemoryStorage)
	}
	if reason := s.try(line); reason != "" {
		return "? " + reason
	}
	if m != nil && dump(m.node, m.storage.MemoryStorage) == known {
		return "? ignored\n"
	}
	return "? followed\n"
}

// try carries out a line; the text of a panic comes back.
func (s *session) try(line string) (reason string) {
	defer func() {
		if recovered := recover(); recovered != nil {
			reason = strings.ReplaceAll(fmt.Sprintf("panic: %v", recovered), "\n", " ") + "\n"
		}
	}()
	words := strings.Split(line, " ")
	if words[0] == "rand" {
		draws.seed(uint32(number(words[1])))
		return ""
	}
	drawn := draws.count
	m := s.run(words[0], number(words[1]), words[2:])
	if s.out.mute {
		return ""
	}
	if draws.count != drawn {
		s.say("drew", strconv.Itoa(draws.count-drawn))
	}
	if now := dump(m.node, m.storage.MemoryStorage); now != m.shown {
		m.shown = now
		s.out.line('=', now)
	}
	return ""
}

func (s *session) run(command string, id uint64, args []string) *member {
	if command == "new" {
		s.members[id] = &member{storage: &store{MemoryStorage: raft.NewMemoryStorage()}}
	}
	m := s.members[id]
	switch command {
	case "new", "restart":
		s.start(m, id, args)
	case "tick":
		for range number(args[0]) {
			m.node.Tick()
		}
	case "quiesce":
		m.node.TickQuiesced()
	case "campaign":
		s.result(m.node.Campaign())
	case "forget":
		s.result(m.node.ForgetLeader())
	case "propose":
		s.result(m.node.Propose(payload(args[0])))
	case "change":
		s.result(m.node.ProposeConfChange(confChange(args)))
	case "apply":
		s.say("cs", raft.DescribeConfState(m.node.ApplyConfChange(confChange(args))))
	case "step":
		s.result(m.node.Step(decoded(args[0], &pb.Message{})))
	case "unreachable":
		m.node.ReportUnreachable(number(args[0]))
	case "snapshot-status":
		m.node.ReportSnapshot(number(args[0]), raft.SnapshotStatus(number(args[1])))
	case "transfer":
		m.node.TransferLeader(number(args[0]))
	case "read":
		m.node.ReadIndex(payload(args[0]))
	case "bootstrap":
		s.result(m.node.Bootstrap(peers(args)))
	case "status":
		s.status(m.node.Status(), m.node)
	default:
		s.store(m, command, args)
	}
	return m
}

// store carries out what concerns a member's log.
func (s *session) store(m *member, command string, args []string) {
	switch command {
	case "ready":
		s.ready(m)
	case "advance":
		m.node.Advance(raft.Ready{})
	case "append":
		w := m.appends[0]
		m.appends = m.appends[1:]
		s.write(m, &pb.HardState{Term: w.Term, Vote: w.Vote, Commit: w.Commit}, w.Entries, w.Snapshot)
	case "compact":
		s.result(m.storage.Compact(number(args[0])))
	case "snapshot":
		_, err := m.storage.CreateSnapshot(number(args[0]), decoded(args[1], &pb.ConfState{}), payload(args[2]))
		s.result(err)
	case "busy":
		m.storage.busy = args[0] == "1"
	default:
		panic("unknown line " + command)
	}
}

func (s *session) start(m *member, id uint64, args []string) {
	c := &raft.Config{ID: id, Storage: m.storage, Logger: &s.out, ElectionTick: 10, HeartbeatTick: 1, MaxInflightMsgs: 256, MaxSizePerMsg: math.MaxUint64}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "boot":
			s.result(m.storage.ApplySnapshot(decoded(value, &pb.Snapshot{})))
		case "election":
			c.ElectionTick = int(number(value))
		case "heartbeat":
			c.HeartbeatTick = int(number(value))
		case "applied":
			c.Applied = number(value)
		case "message-size":
			c.MaxSizePerMsg = number(value)
		case "committed-size":
			c.MaxCommittedSizePerReady = number(value)
		case "uncommitted-size":
			c.MaxUncommittedEntriesSize = number(value)
		case "inflight":
			c.MaxInflightMsgs = int(number(value))
		case "inflight-bytes":
			c.MaxInflightBytes = number(value)
		case "async":
			c.AsyncStorageWrites = true
		case "check-quorum":
			c.CheckQuorum = true
		case "pre-vote":
			c.PreVote = true
		case "lease":
			c.ReadOnlyOption = raft.ReadOnlyLeaseBased
		case "no-forwarding":
			c.DisableProposalForwarding = true
		case "no-validation":
			c.DisableConfChangeValidation = true
		case "step-down":
			c.StepDownOnRemoval = true
		case "debug":
			s.out.debug = true
		default:
			panic("unknown option " + key)
		}
	}
	node, err := raft.NewRawNode(c)
	s.result(err)
	m.node, m.async, m.appends, m.shown = node, c.AsyncStorageWrites, nil, ""
}

func (s *session) say(label, text string) {
	if !s.out.mute {
		s.out.text.WriteString(label + " " + text + "\n")
	}
}

func (s *session) result(err error) {
	if err != nil {
		s.say("!", err.Error())
	}
}

// ready takes a Ready and does its writes; with asynchronous storage they are left for "append".
func (s *session) ready(m *member) {
	rd := m.node.Ready()
	if !s.out.mute {
		s.describe(rd)
	}
	if !m.async {
		s.write(m, rd.HardState, rd.Entries, rd.Snapshot)
		return
	}
	for _, message := range rd.Messages {
		if message.GetType() == pb.MsgStorageAppend {
			m.appends = append(m.appends, message)
		}
	}
}

func (s *session) write(m *member, hs *pb.HardState, entries []*pb.Entry, snapshot *pb.Snapshot) {
	if !raft.IsEmptyHardState(hs) {
		s.result(m.storage.SetHardState(hs))
	}
	if !raft.IsEmptySnap(snapshot) {
		s.result(m.storage.ApplySnapshot(snapshot))
	}
	s.result(m.storage.Append(entries))
}

// decoderText is what protobuf says of a membership change that is none; its blank differs from build to build.
var decoderText = regexp.MustCompile(`proto:.cannot parse invalid wire-format data`)

// describe writes a Ready in etcd's words, and then what these leave out: presence and size of entries, the bytes of
// membership changes, contexts, the data of snapshots.
func (s *session) describe(rd raft.Ready) {
	words := strings.TrimSuffix(raft.DescribeReady(rd, nil), "\n")
	s.say("ready", decoderText.ReplaceAllString(words, "undecodable"))
	t := make(text, 0, 256)
	describeEntries(&t, rd.Entries)
	t.s(";")
	describeSnapshotData(&t, rd.Snapshot)
	describeEntries(&t, rd.CommittedEntries)
	for _, m := range rd.Messages {
		t.s(";")
		describeMessage(&t, m)
	}
	s.say("with", string(t))
}

func describeMessage(t *text, m *pb.Message) {
	if len(m.Context) > 0 {
		t.s(" ctx=" + hex.EncodeToString(m.Context))
	}
	describeSnapshotData(t, m.Snapshot)
	describeEntries(t, m.Entries)
	for _, response := range m.Responses {
		t.s(">")
		describeMessage(t, response)
	}
}

func describeEntries(t *text, entries []*pb.Entry) {
	for _, e := range entries {
		t.u(" ", uint64(proto.Size(e)))
		t.flag('t', e.Type != nil)
		t.flag('d', e.Data != nil)
		if e.GetType() != pb.EntryNormal {
			t.s(hex.EncodeToString(e.Data))
		}
	}
}

func describeSnapshotData(t *text, snapshot *pb.Snapshot) {
	if !raft.IsEmptySnap(snapshot) {
		t.s(" snap=" + hex.EncodeToString(snapshot.Data))
	}
}

// status writes what the public face says of a member.
func (s *session) status(status raft.Status, node *raft.RawNode) {
	s.say("status", sortedProgress(status.String()))
	s.say("config", status.Config.String())
	for _, id := range sortedKeys(status.Progress) {
		pr := status.Progress[id]
		s.say("progress", fmt.Sprintf("%d %s", id, pr.String()))
	}
	node.WithProgress(func(id uint64, kind raft.ProgressType, _ progress) {
		s.say("member", fmt.Sprintf("%d %d", id, kind))
	})
}

// The arguments of lines.

func number(word string) uint64 {
	value, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		panic("malformed line: " + err.Error())
	}
	return value
}

// payload is what "-" (absent) or "x" and hexadecimal digits stand for.
func payload(word string) []byte {
	if word == "-" {
		return nil
	}
	data, err := hex.DecodeString(word[1:])
	if err != nil {
		panic("malformed line: " + err.Error())
	}
	return data
}

// decoded is the protobuf message that a payload holds.
func decoded[M proto.Message](word string, m M) M {
	if err := proto.Unmarshal(payload(word), m); err != nil {
		panic("malformed line: " + err.Error())
	}
	return m
}

// confChange is what "1 PAYLOAD" or "2 PAYLOAD" stands for: a membership change of the first or second form.
func confChange(args []string) pb.ConfChangeI {
	if args[0] == "1" {
		return decoded(args[1], &pb.ConfChange{})
	}
	return decoded(args[1], &pb.ConfChangeV2{})
}

// peers is what "ID=PAYLOAD ID=PAYLOAD" stands for.
func peers(args []string) []raft.Peer {
	var all []raft.Peer
	for _, arg := range args {
		id, context, _ := strings.Cut(arg, "=")
		all = append(all, raft.Peer{ID: number(id), Context: payload(context)})
	}
	return all
}
